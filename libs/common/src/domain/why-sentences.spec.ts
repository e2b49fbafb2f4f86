import { expect, test } from 'vitest';
import { sentenceOf } from './why-sentences.js';
import type { Reason } from './why-reasons.js';

const AT = new Date('2030-01-31T08:00:00Z');
const ERROR = { name: 'CommandFailed', message: 'exit code 1.\nand more' };
const attempt = { attempt: 2, maxAttempts: 4 };
const executor = { id: 'e', instance: 'executor-1', host: 'alpha' };
const run = { ...attempt, since: AT, forMs: 12_000, timesOutAt: AT, executor, worker: null, aboutMs: null };
const parent = { id: 'p1', name: 'extract', state: 'running', onDependencyFailure: 'cancel' } as const;
const end = { ...attempt, kind: 'ended', at: AT, agoMs: 180_000, expiresAt: null, aboutMs: null } as const;

test.each<[Reason, string]>([
  [
    { kind: 'due-later', dueAt: AT, aboutMs: 7_500_000 },
    'It waits for its time: it is due in 2 hours 5 minutes, at 2030-01-31T08:00:00.000Z.',
  ],
  [
    { kind: 'retry-later', dueAt: AT, aboutMs: 12_000, ...attempt, error: ERROR },
    'It waits for its next attempt, in 12 seconds, at 2030-01-31T08:00:00.000Z: attempt 2 of 4 failed with CommandFailed: exit code 1.',
  ],
  [
    { kind: 'snoozed', dueAt: AT, aboutMs: 60_000 },
    'Its handler asked to be called again in 1 minute, at 2030-01-31T08:00:00.000Z.',
  ],
  [
    { kind: 'expiring', expiresAt: AT, aboutMs: 1000 },
    'It had not started by 2030-01-31T08:00:00.000Z, when it expired, and will never start; it is about to be marked as expired.',
  ],
  [{ kind: 'no-leader', candidates: 0, aboutMs: null }, 'No scheduler is alive, so nothing is handed over.'],
  [
    { kind: 'no-leader', candidates: 2, aboutMs: null },
    'No scheduler leads at the moment, so nothing is handed over; 2 candidates stand for election.',
  ],
  [
    { kind: 'no-executor', queue: 'q', draining: 0, aboutMs: null },
    'No living executor takes jobs of the queue q.',
  ],
  [
    { kind: 'no-executor', queue: 'q', draining: 1, aboutMs: null },
    'No executor takes jobs of the queue q any more: 1 that did is shutting down.',
  ],
  [
    { kind: 'no-handler', queue: 'q', type: 'report', executors: 1, aboutMs: null },
    'No executor that takes jobs of the queue q has a handler for the type report; 1 executor takes them.',
  ],
  [
    { kind: 'slots-busy', queue: 'q', slots: 20, place: 153, aboutMs: 90_000 },
    'All 20 slots of the executors are taken, and its place in the queue q is 153: about 1 minute 30 seconds.',
  ],
  [
    { kind: 'slots-busy', queue: 'q', slots: 20, place: 1000, aboutMs: 90_000 },
    'All 20 slots of the executors are taken, and its place in the queue q is 1000 or later: about 1 minute 30 seconds or more.',
  ],
  [
    { kind: 'slots-busy', queue: 'q', slots: 20, place: 1, aboutMs: null },
    'All 20 slots of the executors are taken, and its place in the queue q is 1.',
  ],
  [
    { kind: 'handing-over', to: 'executor', since: null, aboutMs: 100 },
    'It is due, and will be handed to an executor in a moment.',
  ],
  [
    { kind: 'handing-over', to: 'worker', since: null, aboutMs: 100 },
    'It is due, and will be handed to a worker in a moment.',
  ],
  [
    { kind: 'handing-over', to: 'executor', since: AT, aboutMs: 100 },
    'It has been handed over, at 2030-01-31T08:00:00.000Z, and starts as soon as an executor takes it.',
  ],
  [
    { kind: 'held', error: { name: 'ExecutorLost', message: 'it died' }, parents: [], aboutMs: null },
    'It is held until a person releases it, as it asked for when its executor is lost: ExecutorLost: it died.',
  ],
  [
    {
      kind: 'held',
      error: { name: 'DependencyFailed', message: 'the job p1, on which it depends, is dead' },
      parents: [],
      aboutMs: null,
    },
    'It is held until a person releases it, or what it depends on succeeds after all: DependencyFailed: the job p1, on which it depends, is dead.',
  ],
  [
    { kind: 'held', error: ERROR, parents: [{ ...parent, state: 'dead' }], aboutMs: null },
    'It is held until a person releases it, or what it depends on succeeds after all: extract (p1), which is dead.',
  ],
  [{ kind: 'blocked', waitsFor: 1, parents: [], aboutMs: null }, 'It waits for other jobs.'],
  [
    { kind: 'blocked', waitsFor: 1, parents: [parent], aboutMs: null },
    'It waits for extract (p1), which is running, on which it depends.',
  ],
  [
    { kind: 'blocked', waitsFor: 2, parents: [parent, { ...parent, id: 'p2', name: null }], aboutMs: null },
    'It waits for 2 jobs, on which it depends: extract (p1), which is running, and p2, which is running.',
  ],
  [
    { kind: 'blocked', waitsFor: 12, parents: [parent, parent, parent], aboutMs: null },
    'It waits for 12 jobs, on which it depends: extract (p1), which is running, and extract (p1), which is running and 10 more.',
  ],
  [
    { kind: 'expires', expiresAt: AT, aboutMs: 60_000 },
    'It expires in 1 minute, at 2030-01-31T08:00:00.000Z, unless it has started by then.',
  ],
  [
    { kind: 'no-queue-leader', queue: 'q', candidates: 0, aboutMs: null },
    'No living executor stands for draining the queue q, which one elected executor drains alone.',
  ],
  [
    { kind: 'no-queue-leader', queue: 'q', candidates: 1, aboutMs: null },
    'No executor has been elected at the moment to drain the queue q alone; 1 candidate stands for election.',
  ],
  [
    { kind: 'no-worker', queue: 'q', type: 't', aboutMs: null },
    'Workers outside run the type t, and none has asked lately for jobs of it in the queue q.',
  ],
  [
    { kind: 'workers-busy', queue: 'q', type: 't', leases: 3, aboutMs: null },
    'Workers outside run the type t: they have 3 jobs of it, and none has asked lately for another one in the queue q.',
  ],
  [
    { kind: 'running', ...run },
    'It has been running for 12 seconds, attempt 2 of 4, on executor-1 (alpha); its time runs out at 2030-01-31T08:00:00.000Z.',
  ],
  [
    { kind: 'running', ...run, executor: null, worker: 'w1' },
    'It has been running for 12 seconds, attempt 2 of 4, on the worker w1; its time runs out at 2030-01-31T08:00:00.000Z.',
  ],
  [
    { kind: 'ending', ...run },
    'It has been cancelled, and the attempt that runs on executor-1 (alpha) has been asked to end.',
  ],
  [
    { kind: 'executor-silent', ...run, executor: null },
    'Its executor (an executor that has left) cannot be heard any more; attempt 2 of 4 is about to be taken back.',
  ],
  [{ ...end, state: 'succeeded', error: null }, 'It succeeded 3 minutes ago, with attempt 2 of 4.'],
  [
    { ...end, state: 'dead', error: ERROR },
    'It died 3 minutes ago: attempt 2 of 4 failed with CommandFailed: exit code 1, and there will be no other.',
  ],
  [{ ...end, state: 'cancelled', error: null }, 'It was cancelled 3 minutes ago.'],
  [
    {
      ...end,
      state: 'cancelled',
      error: { name: 'DependencyFailed', message: 'the job p1, on which it depends, is dead' },
    },
    'It was cancelled 3 minutes ago: the job p1, on which it depends, is dead.',
  ],
  [
    { ...end, state: 'expired', error: null, expiresAt: AT },
    'It expired 3 minutes ago: it had not started by 2030-01-31T08:00:00.000Z.',
  ],
])('%j', (reason, sentence) => {
  expect(sentenceOf(reason)).toBe(sentence);
});

test('a long message is cut, and one that nobody knows is no error', () => {
  const long = { name: 'X', message: 'm'.repeat(1000) };
  expect(sentenceOf({ ...end, state: 'dead', error: long }).length).toBeLessThan(400);
  expect(sentenceOf({ ...end, state: 'dead', error: null })).toContain('an error that is not known');
});
