import { describe, expect, it } from 'vitest';
import { parseLedger } from './collect.js';

const line = (pid: number, what: object) => `${JSON.stringify({ job: 'a', attempt: 1, pid, ...what })}\n`;

describe('parseLedger', () => {
  it('pairs each end with the start of the same process', () => {
    const text = line(1, { start: 10 }) + line(2, { start: 20 }) + line(1, { end: 30, exit: 0 });
    expect(parseLedger(text)).toEqual([
      { jobId: 'a', attempt: 1, pid: 1, startMs: 10, end: { atMs: 30, exit: 0 } },
      { jobId: 'a', attempt: 1, pid: 2, startMs: 20, end: undefined },
    ]);
  });

  it('refuses an end that nobody started', () => {
    expect(() => parseLedger(line(1, { end: 30, exit: 0 }))).toThrow('without a start');
  });
});
