import { expect, test } from 'vitest';
import { sentenceOf } from './why-sentences.js';
import type { Reason } from './why.js';

const AT = new Date('2030-01-31T08:00:00Z');
const ERROR = { name: 'CommandFailed', message: 'exit code 1.\nand more' };
const attempt = { attempt: 2, maxAttempts: 4 };
const executor = { id: 'e', instance: 'executor-1', host: 'alpha' };
const run = { ...attempt, since: AT, forMs: 12_000, timesOutAt: AT, executor, aboutMs: null };
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
    { kind: 'handing-over', since: null, aboutMs: 100 },
    'It is due, and will be handed to an executor in a moment.',
  ],
  [
    { kind: 'handing-over', since: AT, aboutMs: 100 },
    'It has been handed over, at 2030-01-31T08:00:00.000Z, and starts as soon as an executor takes it.',
  ],
  [
    { kind: 'held', error: { name: 'ExecutorLost', message: 'it died' }, aboutMs: null },
    'It is held until a person releases it, as it asked for when its executor is lost: ExecutorLost: it died.',
  ],
  [{ kind: 'blocked', aboutMs: null }, 'It waits for other jobs.'],
  [
    { kind: 'running', ...run },
    'It has been running for 12 seconds, attempt 2 of 4, on executor-1 (alpha); its time runs out at 2030-01-31T08:00:00.000Z.',
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
