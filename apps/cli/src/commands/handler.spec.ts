import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../program.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-handler-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function triumvir(...args: string[]) {
  let text = '';
  const stream = { isTTY: false, columns: undefined, write: (more: string) => (text += more) };
  const terminal = { stdout: stream, stderr: stream, env: {} };
  const code = await run(args, terminal, new AbortController().signal);
  return { code, text };
}

test('what it writes is a handler whose test passes', async () => {
  const dir = join(folder, 'of', 'mine');
  const { code, text } = await triumvir('handler', 'new', 'greet.all', '--dir', dir);
  expect(code).toBe(0);
  expect(text).toContain(join(dir, 'greet.all.handler.mjs'));
  expect((await readdir(dir)).sort()).toEqual(['greet.all.handler.mjs', 'greet.all.handler.test.mjs']);
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--test', '--test-reporter=tap', join(dir, 'greet.all.handler.test.mjs')],
    { env: Object.fromEntries(Object.entries(env).filter(([name]) => name !== 'NODE_TEST_CONTEXT')) },
  );
  expect(stdout).toMatch(/^# pass 3$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
}, 20_000);

test('it overwrites nothing', async () => {
  const path = join(folder, 'mine.handler.mjs');
  await writeFile(path, 'my work');
  const { code, text } = await triumvir('handler', 'new', 'mine', '--dir', folder);
  expect(code).toBe(2);
  expect(text).toContain('exists already');
  expect(await readFile(path, 'utf8')).toBe('my work');
});

test('a name that is no job type is refused', async () => {
  for (const name of ['../evil', 'two words', '']) {
    const { code, text } = await triumvir('handler', 'new', name, '--dir', folder);
    expect(code).toBe(2);
    expect(text).toContain('must be 1 to 100 letters');
  }
  expect(await readdir(folder)).toEqual([]);
});
