/**
 * Checker 7: no service needed a restart by hand. Each called itself ready again after every fault, none that the suite
 * had not killed ended, each that was told to go went in time and without an error, and no log tells of an error that
 * nobody handled.
 */
import type { Evidence, Violation } from './evidence.js';

export function noHandNeeded({ faults, troubles }: Evidence): Violation[] {
  return [
    ...faults.flatMap(({ name, readyMs, toMs }): Violation[] =>
      readyMs === undefined ? [{ what: `after ${name} not every service became ready`, atMs: toMs }] : [],
    ),
    ...troubles.map(({ service, what }) => ({ what: `${service}: ${what}` })),
  ];
}
