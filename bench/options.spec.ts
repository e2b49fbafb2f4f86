import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.js';
import type { Measurement } from './rows/measurement.js';

const known = ['drain', 'submit'].map((name): Measurement => ({
  name,
  goal: '',
  measure: () => Promise.reject(new Error('not measured here')),
}));
const parse = (...args: string[]) => parseOptions(args, known);

describe('the command line of the benchmark', () => {
  it('measures every row three times unless told otherwise', () => {
    expect(parse()).toEqual({ measurements: known, runs: 3, scale: 'usual', json: undefined });
  });

  it('measures the rows that are named, in the order of the table', () => {
    expect(parse('submit', 'drain', '--json', 'out.json')).toMatchObject({
      measurements: known,
      json: 'out.json',
    });
    expect(parse('submit')).toMatchObject({ measurements: [known[1]] });
  });

  it('runs once when it is only to show that everything works', () => {
    expect(parse('--quick')).toMatchObject({ runs: 1, scale: 'quick' });
    expect(parse('--quick', '--runs', '2')).toMatchObject({ runs: 2 });
  });

  it.each([
    ['an unknown row', ['drian'], 'drain, submit'],
    ['an unknown option', ['--fast'], '--fast'],
    ['a wrong number of runs', ['--runs', '0'], '1 to 99'],
    ['two sizes at once', ['--quick', '--full'], 'exclude'],
  ])('refuses %s and says what is allowed', (_what, args, said) => {
    expect(() => parse(...args)).toThrow(said);
  });
});
