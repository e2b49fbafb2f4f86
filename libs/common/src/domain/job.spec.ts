import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canFollow, END_STATES, isEndState, JOB_STATES, NEXT_STATES, type JobState } from './job.js';

const anyState = fc.constantFrom(...JOB_STATES);

function reachableFrom(start: JobState): Set<JobState> {
  const reached = new Set<JobState>([start]);
  for (const state of reached) for (const next of NEXT_STATES[state]) reached.add(next);
  return reached;
}

test('succeeded, cancelled and expired have no way out; only a person brings a dead job back', () => {
  expect(NEXT_STATES.succeeded).toEqual([]);
  expect(NEXT_STATES.cancelled).toEqual([]);
  expect(NEXT_STATES.expired).toEqual([]);
  expect(NEXT_STATES.dead).toEqual(['scheduled']);
});

test('the end states are those, and no other', () => {
  expect(JOB_STATES.filter(isEndState).toSorted()).toEqual([...END_STATES].toSorted());
});

test('every state can be reached from blocked, and an end state can be reached from every state', () => {
  expect([...reachableFrom('blocked')].toSorted()).toEqual([...JOB_STATES].toSorted());
  for (const state of JOB_STATES) expect([...reachableFrom(state)].some(isEndState)).toBe(true);
});

test('a job runs only after it was queued for an executor, or is leased by a worker when it is due', () => {
  expect(JOB_STATES.filter((state) => canFollow(state, 'running'))).toEqual(['scheduled', 'queued']);
});

test('a job succeeds only from running', () => {
  expect(JOB_STATES.filter((state) => canFollow(state, 'succeeded'))).toEqual(['running']);
});

test('whatever has not ended can be cancelled', () => {
  for (const state of JOB_STATES) expect(canFollow(state, 'cancelled')).toBe(!isEndState(state));
});

test('canFollow says what the table says, and no state follows itself', () => {
  fc.assert(
    fc.property(anyState, anyState, (from, to) => {
      const table: readonly JobState[] = NEXT_STATES[from];
      expect(canFollow(from, to)).toBe(table.includes(to));
      expect(canFollow(from, from)).toBe(false);
    }),
  );
});
