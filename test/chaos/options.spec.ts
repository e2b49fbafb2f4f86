import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from './options.js';

describe('parseOptions', () => {
  it('has a default for everything', () => {
    expect(parseOptions([])).toMatchObject({ seed: 1, minutes: 5, faults: [], selfTest: false });
  });

  it('takes what is given', () => {
    expect(
      parseOptions(['--seed', '7', '--minutes', '0.5', '--faults', 'redis,leader-killed', '--json', 'x']),
    ).toMatchObject({ seed: 7, minutes: 0.5, faults: ['redis', 'leader-killed'], json: 'x' });
  });

  it.each([
    ['--seed', 'x'],
    ['--minutes', '0'],
    ['--speed', '9'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
  });
});
