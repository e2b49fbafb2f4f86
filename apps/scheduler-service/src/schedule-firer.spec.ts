import { expect, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { DueSchedule, Fired, FiringRepository, Planned } from '#common/database/firing.repository.js';
import type { Notifier } from '#common/database/notifications.js';
import { createLogger } from '#common/logging/logger.js';
import { ScheduleFirer } from './schedule-firer.js';

const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });
const NOW = Date.parse('2026-06-01T12:00:00Z');

function due(name: string, changes: Partial<DueSchedule['definition']> = {}, behindMs = 0): DueSchedule {
  return {
    id: name,
    name,
    version: 1,
    definition: {
      recurrence: { kind: 'interval', everyMs: 1000 },
      timezone: 'UTC',
      start: '2020-01-01T00:00:00.000Z',
      end: null,
      maxCount: null,
      jitterMs: 0,
      missedRuns: 'all',
      graceMs: 60_000,
      overlap: 'allow',
      ...changes,
    },
    anchor: 0,
    nextDueAt: NOW - behindMs,
    waitingDueAt: null,
    firedCount: 0,
    unfinished: false,
  };
}

function firer(
  schedules: DueSchedule[],
  {
    next = { nextDueInMs: null as number | null, waiting: false },
    answer = undefined as Fired | 'fenced' | undefined,
  } = {},
) {
  const plans: Planned[] = [];
  const repository = {
    findDue: () => Promise.resolve({ schedules, now: NOW }),
    nextDue: () => Promise.resolve(next),
    fire: (_fence: unknown, planned: readonly Planned[]) => {
      plans.push(...planned);
      return Promise.resolve(
        answer ?? { moved: planned.length, fired: planned.length, toEnd: ['running-job'] },
      );
    },
  };
  const send = vi.fn<Notifier['send']>();
  const fenced = vi.fn<() => void>();
  const term: Term = { election: 'e', epoch: 1n, signal: new AbortController().signal, fenced };
  const subject = new ScheduleFirer(
    repository as unknown as FiringRepository,
    { send } as unknown as Notifier,
    log,
  );
  return { plans, send, fenced, fire: () => subject.fire(term) };
}

test('what is due is fired at once, and those who feed and run jobs are told', async () => {
  const { plans, send, fire } = firer([due('a')]);
  expect(await fire()).toBe(0);
  expect(plans.map(({ schedule }) => schedule.name)).toEqual(['a']);
  expect(send.mock.calls).toEqual([['cancel', 'running-job'], ['work']]);
});

test('it sleeps until exactly the next due time, and never longer than a second', async () => {
  expect(await firer([], { next: { nextDueInMs: 12.5, waiting: false } }).fire()).toBe(12.5);
  expect(await firer([], { next: { nextDueInMs: 86_400_000, waiting: false } }).fire()).toBe(1000);
  expect(await firer([]).fire()).toBe(1000);
});

test('while something waits for a job to finish, it looks again soon', async () => {
  expect(await firer([], { next: { nextDueInMs: null, waiting: true } }).fire()).toBe(250);
});

test('a leader that is fenced ends its term', async () => {
  const { fenced, send, fire } = firer([due('a')], { answer: 'fenced' });
  await fire();
  expect(fenced).toHaveBeenCalledOnce();
  expect(send).not.toHaveBeenCalled();
});

test('schedules that are far behind do not hold up those that are due now', async () => {
  const behind = Array.from({ length: 10 }, (_, n) => due(`behind-${n}`, {}, 30 * 86_400_000));
  const { plans, fire } = firer([...behind, due('now')]);
  await fire();
  expect(plans[0]?.schedule.name).toBe('now');
  expect(plans.length).toBeLessThan(7);
});

test('a schedule that this process cannot read does not stop the others', async () => {
  const complaint = vi.spyOn(log, 'error').mockImplementation(() => log);
  const unreadable = due('unreadable', { timezone: 'Europe/Atlantis' });
  const { plans, fire } = firer([unreadable, due('a')]);
  await fire();
  expect(plans.map(({ schedule }) => schedule.name)).toEqual(['a']);
  expect(await firer([unreadable]).fire()).toBe(1000);
  expect(complaint).toHaveBeenCalledTimes(2);
});
