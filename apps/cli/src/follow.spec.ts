import type { JobState } from '#common/domain/job.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Job } from './answers.js';
import { follow } from './follow.js';

const jobIn = (id: string, state: JobState): Job => ({
  id,
  name: null,
  type: 'print',
  queue: 'default',
  state,
  priority: 5,
  payload: null,
  runAt: null,
  createdAt: null,
  startedAt: null,
  finishedAt: null,
  attempt: 0,
  maxAttempts: 4,
  executor: null,
  cancelRequestedAt: null,
  result: null,
  error: null,
});

const idsOf = (count: number) => Array.from({ length: count }, (_, n) => `id-${n}`);
const ignore = () => {};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Follows jobs that end at `endAtMs`. @returns when each request was made, in milliseconds, and all states seen */
async function followed(count: number, endAtMs: number) {
  const start = performance.now();
  const askedAt: number[] = [];
  const seen: Job[] = [];
  const getJob = (id: string) => {
    askedAt.push(performance.now() - start);
    return Promise.resolve(jobIn(id, performance.now() - start >= endAtMs ? 'succeeded' : 'running'));
  };
  const jobs = idsOf(count).map((id) => jobIn(id, 'running'));
  const done = follow(jobs, {
    getJob,
    onAnswer: (job) => seen.push(job),
    signal: new AbortController().signal,
  });
  await vi.runAllTimersAsync();
  await done;
  return { askedAt, seen };
}

describe('follow', () => {
  it('asks for a job that does not change ever more slowly, and at least every second', async () => {
    const { askedAt } = await followed(1, 10_000);
    const gaps = askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0));
    expect(askedAt[0]).toBeCloseTo(100, -1);
    expect(gaps.every((gap, index) => index === 0 || gap >= (gaps[index - 1] ?? 0) - 2)).toBe(true);
    expect(Math.max(...gaps)).toBeLessThan(1_005);
    expect(askedAt.at(-1)).toBeLessThan(11_005);
  });

  it('asks no more than 500 times a second, however many jobs it follows', async () => {
    const { askedAt, seen } = await followed(2_000, 20_000);
    expect(askedAt.length).toBeLessThanOrEqual(500 * 25);
    expect(new Set(seen.filter(({ state }) => state === 'succeeded').map(({ id }) => id)).size).toBe(2_000);
  });

  it('asks for no job that has ended', async () => {
    const getJob = vi.fn<(id: string) => Promise<Job>>();
    const signal = new AbortController().signal;
    await follow([jobIn('a', 'dead'), jobIn('b', 'cancelled')], { getJob, onAnswer: ignore, signal });
    expect(getJob).not.toHaveBeenCalled();
  });

  it('ends with the failure of a request, and with the reason of its signal', async () => {
    const failure = new Error('the store is away');
    const failing = follow([jobIn('a', 'queued')], {
      getJob: () => Promise.reject(failure),
      onAnswer: ignore,
      signal: new AbortController().signal,
    }).catch((error: unknown) => error);
    await vi.runAllTimersAsync();
    expect(await failing).toBe(failure);

    const stop = new AbortController();
    const stopped = follow([jobIn('a', 'queued')], {
      getJob: () => Promise.resolve(jobIn('a', 'queued')),
      onAnswer: ignore,
      signal: stop.signal,
    }).catch((error: unknown) => error);
    stop.abort(failure);
    expect(await stopped).toBe(failure);
  });
});
