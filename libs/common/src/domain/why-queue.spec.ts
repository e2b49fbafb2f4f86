import { expect, test } from 'vitest';
import { queueSentence } from './why-queue-sentences.js';
import { closedQueue, limitsOf, type QueueFacts, type QueueReason } from './why-queue.js';
import type { WhyFacts } from './why.js';

const NOW = new Date('2030-01-31T08:00:00Z');
const OPEN: QueueFacts = {
  paused: false,
  settled: true,
  drain: 'shared',
  keyed: false,
  concurrency: null,
  concurrencyPerKey: 1,
  rateLimit: null,
  rateIntervalMs: null,
  rateWaitMs: null,
  inFlight: 0,
  holders: [],
  keyInFlight: 0,
  keyHolders: [],
  turn: null,
  keyAhead: 0,
  otherKeys: 0,
};
const job = {
  id: 'job',
  queue: 'mail',
  state: 'scheduled',
  concurrencyKey: null,
  fairnessKey: null,
} as unknown as WhyFacts['job'];
const waiting = (
  queue: Partial<QueueFacts> | null,
  changes: Partial<WhyFacts['job']> = {},
  dueBefore = 0,
) => ({ job: { ...job, ...changes }, now: NOW, dueBefore, queue: queue && { ...OPEN, ...queue } });
const limits = (...args: Parameters<typeof waiting>) => limitsOf(waiting(...args));

test('a paused queue, and one whose settings are just being changed, let nothing start', () => {
  const closed = (queue: Partial<QueueFacts>) => closedQueue(waiting(queue), false);
  expect(closed({ paused: true })).toEqual([{ kind: 'queue-paused', queue: 'mail', aboutMs: null }]);
  expect(closed({ settled: false })).toMatchObject([{ kind: 'queue-changing', aboutMs: 100 }]);
  expect(closed({ paused: true, settled: false })).toHaveLength(1);
  expect(closed({})).toEqual([]);
});

test('a queue in strict order gives workers outside nothing', () => {
  expect(closedQueue(waiting({ drain: 'leader' }), true)).toMatchObject([{ kind: 'leader-drained' }]);
  expect(closedQueue(waiting({ drain: 'leader' }), false)).toEqual([]);
});

test('a full concurrency limit says who holds it; one with room is no reason', () => {
  expect(limits({ concurrency: 2, inFlight: 2, holders: ['a', 'b'] })).toEqual([
    { kind: 'concurrency-limit', queue: 'mail', limit: 2, inFlight: 2, holders: ['a', 'b'], aboutMs: null },
  ]);
  expect(limits({ concurrency: 2, inFlight: 1, holders: ['a'] })).toEqual([]);
});

test('a full concurrency key says who holds it, and concerns nobody without the key', () => {
  const full = { keyed: true, concurrencyPerKey: 1, keyInFlight: 1, keyHolders: ['a'] };
  expect(limits(full, { concurrencyKey: 'customer' })).toMatchObject([
    { kind: 'concurrency-key-limit', concurrencyKey: 'customer', limit: 1, holders: ['a'] },
  ]);
  expect(limits(full)).toEqual([]);
});

test('how long a rate takes follows from the rate and from those that go before', () => {
  const rate = { rateLimit: 600, rateIntervalMs: 60_000, rateWaitMs: 40 };
  expect(limits(rate)).toEqual([
    {
      kind: 'rate-limit',
      queue: 'mail',
      limit: 600,
      intervalMs: 60_000,
      nextAt: new Date(NOW.getTime() + 40),
      ahead: 0,
      aboutMs: 40,
    },
  ]);
  expect(limits(rate, {}, 20)).toMatchObject([{ kind: 'rate-limit', aboutMs: 2040 }, { kind: 'turn' }]);
  expect(limits({ ...rate, rateWaitMs: -5 })).toEqual([]);
  expect(limits({ ...rate, rateWaitMs: null })).toEqual([]);
});

test('a turn behind others: by position, or by the round of fairness keys', () => {
  expect(limits({ concurrency: 5 }, {}, 3)).toEqual([
    { kind: 'turn', queue: 'mail', fairnessKey: null, ahead: 3, otherKeys: 0, aboutMs: null },
  ]);
  const fair = { keyed: true, keyAhead: 2, otherKeys: 4 };
  expect(limits(fair, { fairnessKey: 'quiet' }, 999)).toMatchObject([
    { fairnessKey: 'quiet', ahead: 2, otherKeys: 4 },
  ]);
  expect(limits({ keyed: true }, { fairnessKey: 'quiet' }, 999)).toEqual([]);
  // Without limits and keys those before it hold it up only where slots are few.
  expect(limits({}, {}, 3)).toEqual([]);
});

test('in strict order the turn of another job is a reason, the own is none', () => {
  const turn = { id: 'first', state: 'scheduled' } as const;
  expect(limits({ drain: 'leader', turn }, {}, 4)).toEqual([
    { kind: 'strict-order', queue: 'mail', turnOf: turn, ahead: 4, aboutMs: null },
  ]);
  expect(limits({ drain: 'leader' }, {}, 4)).toMatchObject([{ turnOf: null, ahead: 4 }]);
  expect(limits({ drain: 'leader', turn: { ...turn, id: 'job' } }, {}, 4)).toEqual([]);
  expect(limits({ drain: 'leader' })).toEqual([]);
});

test('what has been handed over has passed the limits, and a queue without a row has none', () => {
  expect(limits({ concurrency: 1, inFlight: 1 }, { state: 'queued' })).toEqual([]);
  expect(limits(null, {}, 9)).toEqual([]);
});

const of = { queue: 'mail', aboutMs: null };
const rate = { kind: 'rate-limit', queue: 'mail', limit: 600, intervalMs: 60_000, nextAt: NOW } as const;
test.each<[QueueReason, string]>([
  [
    { kind: 'queue-paused', ...of },
    'The queue mail is paused: nothing of it starts until somebody resumes it.',
  ],
  [
    { kind: 'queue-changing', ...of },
    'The settings of the queue mail have just been changed; nothing of it starts until they are in force.',
  ],
  [
    { kind: 'leader-drained', ...of },
    'Workers outside run its type, and get nothing from the queue mail, which one elected executor drains alone.',
  ],
  [
    { kind: 'concurrency-limit', ...of, limit: 1, inFlight: 1, holders: ['a'] },
    'The queue mail may have 1 job in flight, and a has that place.',
  ],
  [
    { kind: 'concurrency-limit', ...of, limit: 5, inFlight: 5, holders: ['a', 'b', 'c'] },
    'The queue mail may have 5 jobs in flight, and a, b and 3 others have these places.',
  ],
  [
    {
      kind: 'concurrency-key-limit',
      ...of,
      concurrencyKey: 'k',
      limit: 2,
      inFlight: 2,
      holders: ['a', 'b'],
    },
    'The queue mail may have 2 jobs with the concurrency key k in flight, and a and b have these places.',
  ],
  [
    { ...rate, ahead: 0, aboutMs: 40 },
    'The queue mail starts 600 in 1 minute at most: the next one at 2030-01-31T08:00:00.000Z, and no job goes before it; less than a second.',
  ],
  [
    { ...rate, ahead: 1000, aboutMs: 100_000 },
    'The queue mail starts 600 in 1 minute at most: the next one at 2030-01-31T08:00:00.000Z, and 1000 jobs or more go before it; about 1 minute 40 seconds or more.',
  ],
  [
    { kind: 'turn', ...of, fairnessKey: null, ahead: 1, otherKeys: 0 },
    'It waits for its turn in the queue mail: 1 job goes before it, more urgent or due earlier.',
  ],
  [
    { kind: 'turn', ...of, fairnessKey: 'quiet', ahead: 2, otherKeys: 4 },
    'It waits for its turn in the queue mail: 2 jobs go before it among those of its fairness key quiet, which takes turns with 4 others.',
  ],
  [
    { kind: 'strict-order', ...of, turnOf: null, ahead: 2 },
    'The queue mail goes one by one in strict order: 2 jobs go before it.',
  ],
  [
    { kind: 'strict-order', ...of, turnOf: { id: 'a', state: 'running' }, ahead: 2 },
    'The queue mail goes one by one in strict order, and it is the turn of a, which is running.',
  ],
])('%j', (reason, sentence) => {
  expect(queueSentence(reason)).toBe(sentence);
});
