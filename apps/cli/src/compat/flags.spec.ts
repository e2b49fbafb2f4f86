import { describe, expect, it, test } from 'vitest';
import { parseFlags } from './flags.js';

const TABLE = { file: 'text', 'submit-server': 'text', concurrent: 'switch' } as const;

describe('flags as Go programs take them', () => {
  test.each<[string[], object]>([
    [[], {}],
    [['-file=jobs.json'], { file: 'jobs.json' }],
    [['-file', 'jobs.json', '-concurrent'], { file: 'jobs.json', concurrent: true }],
    [['--file=a=b', '-concurrent=false'], { file: 'a=b', concurrent: false }],
    [['-submit-server', '-x'], { 'submit-server': '-x' }],
    [['-file='], { file: '' }],
  ])('%j', (args, flags) => {
    expect(parseFlags(args, TABLE)).toEqual(flags);
  });

  it.each([
    [['-nope'], '-nope is no flag; there are -file, -submit-server, -concurrent'],
    [['jobs.json'], 'jobs.json is no flag'],
    [['-file'], '-file needs a value'],
    [['-concurrent=maybe'], '-concurrent=maybe is wrong'],
    [['-constructor'], 'is no flag'],
  ])('%j is refused with what is wrong', (args, message) => {
    expect(() => parseFlags(args, TABLE)).toThrow(message);
  });
});
