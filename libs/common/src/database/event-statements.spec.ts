/** No statement that changes jobs is forgotten: whoever writes one finds here that listeners would not hear of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Writes to jobs of which listeners need not be told, and why. */
const UNTOLD: Readonly<Record<string, string>> = {
  PRUNE_JOBS:
    'what retention deletes ended long ago, and deleting is all the more costly the more is written of it',
};

const FOLDER = new URL('.', import.meta.url);
const CHANGES_JOBS =
  /\b(?:INSERT INTO|DELETE FROM) jobs\b|\bUPDATE jobs\b(?: \w+)?\s+SET\b(?:(?!\bWHERE\b)[\s\S])*?\bstate\s*=/;
const RECORDS = /\brecordEvents\(/;

/** The constants and functions at the top level of all files here, each with its text. */
function declarations(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(FOLDER)) {
    if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
    const parts = readFileSync(new URL(file, FOLDER), 'utf8').split(
      /^(?=(?:export )?(?:const|async function|function|class|@))/m,
    );
    for (const part of parts) {
      const name =
        /^(?:export )?(?:const|async function|function|class) (\w+)/.exec(part)?.[1] ??
        `${file}: ${part.slice(0, 40)}`;
      found.set(name, part.replaceAll(/\/\*\*[\s\S]*?\*\//g, ''));
    }
  }
  return found;
}

/** Whether it records, or is only a part of what does. */
function isTold(name: string, all: ReadonlyMap<string, string>): boolean {
  if (name in UNTOLD || RECORDS.test(all.get(name) ?? '')) return true;
  const users = [...all].filter(
    ([user, text]) => user !== name && new RegExp(`\\b${name}\\b`).test(withoutImports(text)),
  );
  return users.length > 0 && users.every(([user]) => isTold(user, all));
}

const withoutImports = (text: string) => text.replaceAll(/^import [\s\S]*?;$/gm, '');

test('every statement that changes the state of jobs, makes or deletes them records events', () => {
  const all = declarations();
  const changing = [...all].filter(([, text]) => CHANGES_JOBS.test(text)).map(([name]) => name);
  expect(changing.filter((name) => !isTold(name, all))).toEqual([]);
  // The search still finds what it is to watch.
  expect(changing).toEqual(
    expect.arrayContaining([
      'storeNewJobs',
      'tellChildren',
      'CLAIM_DUE',
      'START_JOBS',
      'FINISH',
      'cancelling',
      'REPRIORITISE_JOBS',
      'PURGE',
      'REDRIVE',
      'ENTER_OCCURRENCES',
    ]),
  );
  for (const name of Object.keys(UNTOLD)) expect(changing).toContain(name);
});
