import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { defineHandler } from './handler.js';
import { HandlerRegistry } from './registry.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handlers-'));
});
afterEach(() => rm(folder, { recursive: true }));

const handler = (type: string) => defineHandler({ type, payload: z.strictObject({}), run: () => null });
const source = (type: string) => `export default { type: '${type}', payload: undefined, run: () => null };`;

test('the handlers that come with the executor are found', async () => {
  const registry = await HandlerRegistry.load(import.meta.dirname);
  expect(registry.types).toEqual(expect.arrayContaining(['command', 'print']));
  expect(registry.get('command')?.type).toBe('command');
  expect(registry.get('unknown')).toBeUndefined();
});

test('a new type needs no more than a new file', async () => {
  await writeFile(join(folder, 'greet.handler.js'), source('greet'));
  await writeFile(join(folder, 'notes.js'), 'throw new Error("is no handler and must not be loaded");');
  await writeFile(join(folder, 'greet.handler.d.ts.map'), '');
  const registry = await HandlerRegistry.load(folder);
  expect(registry.types).toEqual(['greet']);
});

test('handlers of one’s own stand beside those that come with the executor', async () => {
  await writeFile(join(folder, 'greet.handler.mjs'), source('greet'));
  const registry = await HandlerRegistry.load(import.meta.dirname, folder);
  expect(registry.types).toEqual(expect.arrayContaining(['command', 'greet']));
});

test('two handlers for one type stop the start', async () => {
  await writeFile(join(folder, 'one.handler.js'), source('same'));
  await writeFile(join(folder, 'two.handler.js'), source('same'));
  await expect(HandlerRegistry.load(folder)).rejects.toThrow('two handlers for the job type same');
  expect(() => new HandlerRegistry([handler('a'), handler('a')])).toThrow('two handlers');
});

test('a file that exports no handler stops the start, and is named', async () => {
  await writeFile(join(folder, 'odd.handler.js'), 'export const handler = {};');
  await expect(HandlerRegistry.load(folder)).rejects.toThrow('odd.handler.js exports no handler');
});

test('what is announced lets the store refuse what the handler would refuse', async () => {
  const registry = await HandlerRegistry.load(import.meta.dirname);
  const announced = registry.announcement().find(({ type }) => type === 'command');
  // As it travels: through jsonb.
  const schema = z.fromJSONSchema(
    JSON.parse(JSON.stringify(announced?.payloadSchema)) as z.core.JSONSchema.BaseSchema,
  );
  const own = registry.get('command')?.payload;
  for (const payload of [
    { command: 'true' },
    { command: 'true', cwd: '/tmp', env: { A: 'b' } },
    {},
    { command: '' },
    { command: 7 },
    { command: 'a\0b' },
    { command: 'x'.repeat(65_537) },
    { command: 'true', cwd: '' },
    { command: 'true', env: { '1A': 'x' } },
    { command: 'true', env: { A: 'a\0' } },
    { command: 'true', env: { A: 1 } },
    { command: 'true', env: [] },
    { command: 'true', shell: '/bin/bash' },
    [],
    null,
    'true',
  ]) {
    expect([payload, schema.safeParse(payload).success]).toEqual([payload, own?.safeParse(payload).success]);
  }
});

test('a handler checks its payload again before it runs', () => {
  expect(() => handler('a').run({ unexpected: 1 }, undefined as never)).toThrow(z.ZodError);
});
