import { describe, expect, it } from 'vitest';
import { serviceCounts } from './counts.js';

describe('serviceCounts', () => {
  it('is one store, two schedulers and two executors unless something is asked for', () => {
    expect(serviceCounts({})).toEqual({ store: 1, scheduler: 2, executor: 2 });
  });

  it('knows the other names, and goes by its own when both are set', () => {
    expect(serviceCounts({ SERVER_COUNT: '3', WORKER_COUNT: '4' })).toMatchObject({ store: 3, executor: 4 });
    expect(serviceCounts({ STORE_COUNT: '2', SERVER_COUNT: '3' })).toMatchObject({ store: 2 });
  });

  it.each(['0', '-1', '1.5', 'many', '51'])('refuses %s and names the setting', (value) => {
    expect(() => serviceCounts({ WORKER_COUNT: value })).toThrow(`WORKER_COUNT=${value} is wrong`);
  });
});
