import { describe, expect, it } from 'vitest';
import { firstLine, formatDuration, formatMoment, oneLine, pad, textWidth, truncate } from './text.js';

describe('text for a terminal', () => {
  it('measures what a text takes on the screen', () => {
    expect(textWidth('abc')).toBe(3);
    expect(textWidth('任務')).toBe(4);
    expect(textWidth('🚀')).toBe(2);
    expect(textWidth('e\u0301')).toBe(1);
  });

  it('cuts to the width and never through a character', () => {
    expect(truncate('abcdef', 6)).toBe('abcdef');
    expect(truncate('abcdef', 5)).toBe('abcd…');
    expect(truncate('任務任務', 4)).toBe('任…');
    expect(truncate('🚀🚀', 2)).toBe('…');
    expect(truncate('abc', 0)).toBe('');
  });

  it('fills up to the width', () => {
    expect(pad('務', 4)).toBe('務  ');
    expect(pad('abc', 2)).toBe('abc');
  });

  it('takes control characters and escape sequences out', () => {
    expect(oneLine('\u001b[31mred\u001b[0m\tand\u0000\r\nmore\u202e')).toBe('red and more');
  });

  it('finds the first line that says something', () => {
    expect(firstLine('\n \r\n\u001b[1m\u001b[0m\nhello\nworld')).toBe('hello');
    expect(firstLine('')).toBe('');
  });

  it.each([
    [0, '0 ms'],
    [999.4, '999 ms'],
    [1_000, '1.0 s'],
    [59_949, '59.9 s'],
    [59_990, '1m 00s'],
    [3_599_400, '59m 59s'],
    [7_830_000, '2h 10m'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('writes moments in UTC', () => {
    expect(formatMoment('2030-01-31T09:00:00.123+01:00')).toBe('2030-01-31 08:00:00Z');
    expect(formatMoment(null)).toBe('-');
    expect(formatMoment('soon')).toBe('soon');
  });
});
