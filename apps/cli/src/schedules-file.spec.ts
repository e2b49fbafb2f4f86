import { describe, expect, test } from 'vitest';
import { UsageError } from './exit-codes.js';
import { parseSchedulesFile } from './schedules-file.js';

const parse = (text: string) => parseSchedulesFile(text, 'schedules.yaml');

test('YAML and JSON both hold schedules; their times stay the text that they are', () => {
  const yaml = `
schedules:
  - name: nightly
    cron: 0 2 * * *
    start: 2030-01-01T00:00:00Z
    job: {type: print, payload: {text: hello}}`;
  const definition = {
    cron: '0 2 * * *',
    start: '2030-01-01T00:00:00Z',
    job: { type: 'print', payload: { text: 'hello' } },
  };
  expect(parse(yaml)).toEqual([{ name: 'nightly', definition }]);
  expect(parse(JSON.stringify({ schedules: [{ name: 'nightly', ...definition }] }))).toEqual(parse(yaml));
});

test('command: is short for the type and payload of a shell command', () => {
  const [parsed] = parse('schedules: [{name: a, every: 5m, job: {command: echo hi, priority: 1}}]');
  expect(parsed?.definition['job']).toEqual({
    type: 'command',
    payload: { command: 'echo hi' },
    priority: 1,
  });
});

describe('what cannot be a file of schedules is refused, naming the place:', () => {
  test.each([
    ['schedules: [', 'is neither YAML nor JSON'],
    ['', 'must be {schedules: […]}'],
    ['[]', 'must be {schedules: […]}'],
    ['schedules: []', 'schedules: must hold at least one schedule'],
    ['schedules: [5]', 'schedules.0: must be a schedule'],
    ['schedules: [{cron: "@daily"}]', 'schedules.0.name: is missing, or no text'],
    ['{schedules: [{name: a}], other: 1}', 'must be {schedules: […]}, and nothing else'],
    ['schedules: [{name: a}, {name: a}]', 'the name a is given twice'],
    ['schedules: [{name: a, job: {command: ""}}]', 'a: job.command: must be a shell command'],
    ['schedules: [{name: a, job: {command: x, type: y}}]', 'a: job.command: must not be set beside type'],
  ])('%s', (text, message) => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(message);
  });
});
