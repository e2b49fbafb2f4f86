import { describe, expect, it, test } from 'vitest';
import { countSkipped, percentDone, reasonToSkip, type BulkTarget } from './bulk.js';
import { canFollow, JOB_STATES, type JobState } from './job.js';

const job = (state: JobState, rest: Partial<BulkTarget> = {}): BulkTarget => ({
  state,
  priority: 5,
  cancelRequested: false,
  hasError: false,
  workflowOpen: false,
  ...rest,
});

describe('what a bulk operation leaves alone', () => {
  it('is, to cancel, whatever has ended and what has been asked to', () => {
    for (const state of JOB_STATES)
      expect([state, reasonToSkip({ action: 'cancel' }, job(state))]).toEqual([
        state,
        canFollow(state, 'cancelled') ? undefined : 'ended',
      ]);
    expect(reasonToSkip({ action: 'cancel' }, job('running', { cancelRequested: true }))).toBe(
      'already-requested',
    );
  });

  it('is, to retry, all but what died and what is held', () => {
    const retry = { action: 'retry', attempts: 1 } as const;
    for (const state of JOB_STATES)
      expect([state, reasonToSkip(retry, job(state))]).toEqual([
        state,
        state === 'dead' ? undefined : 'not-dead',
      ]);
    expect(reasonToSkip(retry, job('blocked', { hasError: true }))).toBeUndefined();
  });

  it('is, to delete, what has not ended and what a workflow may need', () => {
    for (const state of JOB_STATES)
      expect([state, reasonToSkip({ action: 'delete' }, job(state))]).toEqual([
        state,
        ['succeeded', 'dead', 'cancelled', 'expired'].includes(state) ? undefined : 'not-ended',
      ]);
    expect(reasonToSkip({ action: 'delete' }, job('dead', { workflowOpen: true }))).toBe('workflow-not-over');
  });

  it('is, to give another priority, what has ended and what has it', () => {
    const first = { action: 'reprioritise', priority: 0 } as const;
    expect(reasonToSkip(first, job('queued'))).toBeUndefined();
    expect(reasonToSkip(first, job('queued', { priority: 0 }))).toBe('unchanged');
    expect(reasonToSkip(first, job('succeeded'))).toBe('ended');
  });
});

test('what was left alone is counted by reason, on top of what was before', () => {
  expect(countSkipped({ ended: 2 }, ['ended', 'unchanged', 'ended'])).toEqual({ ended: 4, unchanged: 1 });
});

test('progress is told within 0 and 100, whatever the clocks say', () => {
  const at = (ms: number) => new Date(ms);
  expect(percentDone(at(1000), at(0), at(750))).toBe(25);
  expect(percentDone(at(1000), at(0), at(2000))).toBe(0);
  expect(percentDone(at(1000), at(0), at(-5))).toBe(100);
  expect(percentDone(at(1000), at(1000), at(5))).toBe(0);
});
