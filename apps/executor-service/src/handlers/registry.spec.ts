import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { compilePayloadSchema, type JsonSchema } from '#common/payload/payload-schema.js';
import { defineHandler, JobFailure, type HandlerContext } from './handler.js';
import { handlerSettings } from './handler-settings.js';
import { HandlerRegistry } from './registry.js';

const settings = handlerSettings.parse({});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handlers-'));
});
afterEach(() => rm(folder, { recursive: true }));

const handler = (type: string) => defineHandler({ type, payload: z.strictObject({}), run: () => null });
const source = (type: string) => `export default { type: '${type}', payload: {}, run: () => null };`;

test('the handlers that come with the executor are found', async () => {
  const registry = await HandlerRegistry.load(settings, import.meta.dirname);
  expect(registry.types).toEqual(expect.arrayContaining(['command', 'print']));
  expect(registry.get('command')?.type).toBe('command');
  expect(registry.get('unknown')).toBeUndefined();
});

test('a new type needs no more than a new file', async () => {
  await writeFile(join(folder, 'greet.handler.js'), source('greet'));
  await writeFile(join(folder, 'notes.js'), 'throw new Error("is no handler and must not be loaded");');
  await writeFile(join(folder, 'greet.handler.d.ts.map'), '');
  const registry = await HandlerRegistry.load(settings, folder);
  expect(registry.types).toEqual(['greet']);
});

test('handlers of one’s own stand beside those that come with the executor', async () => {
  await writeFile(join(folder, 'greet.handler.mjs'), source('greet'));
  const registry = await HandlerRegistry.load(settings, import.meta.dirname, folder);
  expect(registry.types).toEqual(expect.arrayContaining(['command', 'greet']));
});

test('two handlers for one type stop the start', async () => {
  await writeFile(join(folder, 'one.handler.js'), source('same'));
  await writeFile(join(folder, 'two.handler.js'), source('same'));
  await expect(HandlerRegistry.load(settings, folder)).rejects.toThrow('two handlers for the job type same');
  expect(() => new HandlerRegistry([handler('a'), handler('a')])).toThrow('two handlers');
});

test('a file that exports no handler stops the start, and is named', async () => {
  await writeFile(join(folder, 'odd.handler.js'), 'export const handler = {};');
  await expect(HandlerRegistry.load(settings, folder)).rejects.toThrow('odd.handler.js exports no handler');
});

test('what is announced lets the store refuse what the handler would refuse', async () => {
  const registry = await HandlerRegistry.load(settings, import.meta.dirname);
  const announced = registry.announcement().find(({ type }) => type === 'command');
  // As it travels: through jsonb.
  const faults = compilePayloadSchema(JSON.parse(JSON.stringify(announced?.payloadSchema)) as JsonSchema);
  const own = registry.get('command')?.payload as z.ZodType;
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
    expect([payload, faults(payload).length === 0]).toEqual([payload, own.safeParse(payload).success]);
  }
});

test('a handler checks its payload again before it runs', () => {
  expect(() => handler('a').run({ unexpected: 1 }, undefined as never)).toThrow(z.ZodError);
});

test('a handler may be a plain object with a JSON Schema, which is announced and checked as it stands', async () => {
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  const text = `export default { type: 'plain', payload: ${JSON.stringify(schema)}, run: ({ n }) => n + 1 };`;
  await writeFile(join(folder, 'plain.handler.mjs'), text);
  const registry = await HandlerRegistry.load(settings, folder);
  expect(registry.announcement()).toEqual([{ type: 'plain', payloadSchema: schema }]);
  const plain = registry.get('plain');
  expect(plain?.run({ n: 1 }, {} as HandlerContext)).toBe(2);
  expect(() => plain?.run({ n: 'x' }, {} as HandlerContext)).toThrow(JobFailure);
  expect(() => plain?.run({ n: 'x' }, {} as HandlerContext)).toThrow('payload.n: must be integer');
});

test('a handler that is no use stops the start: a type that is no name, a schema that is none', async () => {
  const refused = async (exported: string) => {
    await writeFile(join(folder, `odd${Math.random()}.handler.mjs`), `export default ${exported}`);
    const message = await HandlerRegistry.load(settings, folder).then(
      () => 'loaded',
      (error: Error) => error.message,
    );
    await rm(folder, { recursive: true });
    await mkdir(folder);
    return message;
  };
  expect(await refused(`{ type: 'two words', payload: {}, run() {} }`)).toContain('must be 1 to 100 letters');
  expect(await refused(`{ type: 'a', run() {} }`)).toContain('payload must be a zod schema or a JSON Schema');
  expect(await refused(`{ type: 'a', payload: { type: 'strin' }, run() {} }`)).toContain('schema is invalid');
  expect(await refused(`() => undefined`)).toBe('loaded');
});
