/** The guards of the protocol, and how to take each out of the compiled SQL. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface GuardPatch {
  /** Where the statement begins. */
  readonly after: string;
  readonly text: string;
  readonly replacement: string;
}

const STATEMENTS = join('libs', 'common', 'src', 'database', 'job-statements.js');

export const GUARDS = {
  epoch: {
    after: '/* claim_due */',
    text: 'election = $1 AND epoch = $2',
    // The parameter stays in use, so that Postgres still knows its type.
    replacement: 'election = $1 AND $2::bigint IS NOT NULL',
  },
  delivery: {
    after: '/* start_jobs */',
    text: 'AND jobs.delivery = d.delivery',
    replacement: '',
  },
  attempt: {
    after: 'const FINISH =',
    text: 'AND jobs.delivery = ended.delivery AND jobs.attempt = ended.attempt',
    replacement: '',
  },
  sweep: {
    after: '/* take_back_deliveries */',
    text: 'AND jobs.delivery = lost.delivery',
    replacement: 'AND jobs.delivery = lost.delivery AND false',
  },
  reclaim: {
    after: '/* reclaim_jobs */',
    text: 'AND epoch = $13',
    replacement: 'AND epoch = $13 AND false',
  },
} as const satisfies Record<string, GuardPatch>;

export type Guard = keyof typeof GUARDS;

/** Takes a guard out of a copy of dist/. @throws when the SQL does not look as it is known to */
export function switchOff(guard: Guard, distFolder: string): void {
  const file = join(distFolder, STATEMENTS);
  writeFileSync(file, withoutGuard(readFileSync(file, 'utf8'), GUARDS[guard]));
}

export function withoutGuard(code: string, { after, text, replacement }: GuardPatch): string {
  const statement = code.indexOf(after);
  const at = code.indexOf(text, statement);
  // The end of its template literal: the next statement must not be patched instead.
  const end = code.indexOf('`;', statement);
  if (statement === -1 || at === -1 || at > end) {
    throw new Error(`There is no "${text}" in the statement after "${after}": the guard has changed.`);
  }
  return code.slice(0, at) + replacement + code.slice(at + text.length);
}
