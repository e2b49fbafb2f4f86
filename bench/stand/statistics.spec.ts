import { describe, expect, it } from 'vitest';
import { longestGap, median, percentile } from './statistics.js';

describe('percentile', () => {
  it('is the smallest value that enough of the others do not exceed', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 50, 99, 100]);
    expect(percentile([7], 0.5)).toBe(7);
  });

  it('of nothing is an error, not a figure', () => {
    expect(() => percentile([], 0.5)).toThrow('nothing was measured');
    expect(() => median([])).toThrow('nothing was measured');
  });
});

describe('median', () => {
  it('is the one in the middle, or between the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([1, 2, 10, 4])).toBe(3);
  });
});

describe('longestGap', () => {
  it('is taken between neighbours in time, whatever their order', () => {
    expect(longestGap([10, 0, 3, 4])).toBe(6);
    expect(longestGap([5])).toBe(0);
  });
});
