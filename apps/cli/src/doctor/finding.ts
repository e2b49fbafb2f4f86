/** What the doctor has found out about one thing. */
import type { TableStyle } from '../tables.js';
import { oneLine, pad, type Style } from '../text.js';

export type Verdict = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** What was looked at. */
  readonly check: string;
  readonly status: Verdict;
  readonly detail: string;
  /** What to do about it, where it is not ok. */
  readonly advice?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
export const warn = (check: string, detail: string, advice: string): Finding => ({
  check,
  status: 'warn',
  detail,
  advice,
});
export const fail = (check: string, detail: string, advice: string): Finding => ({
  check,
  status: 'fail',
  detail,
  advice,
});

/** What is to be read of an error in one line, without passwords of addresses in it. */
export function reasonOf(error: unknown): string {
  // A host with several addresses fails with one error for each, and no message of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const message = error instanceof Error ? error.message : String(error);
  return oneLine(message).replaceAll(/(:\/\/[^:/?#\s]*):[^/?#\s]+@/g, '$1:***@');
}

const STYLES: Readonly<Record<Verdict, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' };
const VERDICT_COLUMNS = 4;
const GAP = '  ';

/** A line for each, and below it what to do. */
export function findingsText(findings: readonly Finding[], { paint }: TableStyle): string {
  const columns = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(VERDICT_COLUMNS + columns + 2 * GAP.length);
  return findings
    .flatMap(({ check, status, detail, advice }) => [
      [paint(STYLES[status], pad(status, VERDICT_COLUMNS)), pad(check, columns), oneLine(detail)].join(GAP),
      ...(advice === undefined ? [] : [`${indent}→ ${oneLine(advice)}`]),
    ])
    .map((line) => `${line}\n`)
    .join('');
}
