/**
 * A job type whose handler tells by itself when it begins and ends: each run appends `+` and `-` to a file that all executors
 * share. Appends do not mix, so the file is what happened, in its order, whatever Postgres says.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '#tools/root.js';

export interface WorkLedger {
  /** For EXECUTOR_HANDLERS: the type is `work`, its payload how many milliseconds it takes, and a label. */
  readonly handlers: string;
  /** How many runs were under way at once, at most, and how many ended. */
  summary(): Promise<{ most: number; ended: number }>;
  /** Labels in the order in which their runs began, and when, in milliseconds of one clock. */
  began(): Promise<{ label: string; atMs: number }[]>;
  remove(): Promise<void>;
}

export async function openWorkLedger(): Promise<WorkLedger> {
  const folder = await mkdtemp(join(tmpdir(), 'triumvir-work-'));
  const file = join(folder, 'ledger');
  await writeFile(file, '');
  await writeFile(join(folder, 'work.handler.mjs'), handlerSource(file));
  const lines = async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return {
    handlers: folder,
    async summary() {
      let [now, most, ended] = [0, 0, 0];
      for (const line of await lines()) {
        if (line === '-') {
          now -= 1;
          ended += 1;
        } else {
          now += 1;
          most = Math.max(most, now);
        }
      }
      return { most, ended };
    },
    async began() {
      return (await lines())
        .filter((line) => line !== '-')
        .map((line) => {
          const [, atMs = '', label = ''] = line.split(' ');
          return { label, atMs: Number(atMs) };
        });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function handlerSource(file: string): string {
  const built = pathToFileURL(join(ROOT, 'dist/apps/executor-service/src/handlers/handler.js')).href;
  return `
import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from '${import.meta.resolve('zod')}';
import { defineHandler } from '${built}';
const append = (line) => appendFileSync(${JSON.stringify(file)}, line + '\\n');
export default defineHandler({
  type: 'work',
  payload: z.strictObject({ ms: z.int().min(0).max(60000), label: z.string().default('') }),
  run: async ({ ms, label }) => {
    append('+ ' + Number(process.hrtime.bigint()) / 1e6 + ' ' + label);
    await pause(ms);
    append('-');
  },
});
`;
}
