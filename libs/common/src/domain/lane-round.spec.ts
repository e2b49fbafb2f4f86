import { expect, test } from 'vitest';
import { LaneRound, type LanesLookedAt } from './lane-round.js';

const looked = (changes: Partial<LanesLookedAt> = {}): LanesLookedAt => ({
  served: [],
  allowed: 10,
  lastFairness: 'z',
  fairnessCut: false,
  cutAtKey: null,
  ...changes,
});

test('it goes on behind the last one that was served', () => {
  const round = new LaneRound();
  expect(round.fairnessAfter).toBe('');
  expect(round.advance(looked({ served: ['a', 'b', 'c', 'a', 'b'], allowed: 5 }))).toBe(false);
  expect(round.fairnessAfter).toBe('b');
});

test('of those that were looked at, the ones behind the last served have their turn next when room was for few', () => {
  const round = new LaneRound();
  expect(
    round.advance(looked({ served: ['a', 'b'], allowed: 2, lastFairness: 'm', fairnessCut: true })),
  ).toBe(true);
  expect(round.fairnessAfter).toBe('b');
});

test('when all that were looked at had a turn, those that were not are next', () => {
  const round = new LaneRound();
  round.advance(looked({ served: ['a', 'm', 'a'], allowed: 3, lastFairness: 'm', fairnessCut: true }));
  expect(round.fairnessAfter).toBe('m');
  round.advance(looked({ served: ['n'], allowed: 3, lastFairness: 'q', fairnessCut: true }));
  expect(round.fairnessAfter).toBe('q');
});

test('where nobody was served and all were looked at, it stays', () => {
  const round = new LaneRound();
  round.advance(looked({ served: ['a'], allowed: 1 }));
  expect(round.advance(looked())).toBe(false);
  expect(round.fairnessAfter).toBe('a');
});

test('concurrency keys that were not looked at are next', () => {
  const round = new LaneRound();
  expect(round.advance(looked({ cutAtKey: 'k9' }))).toBe(true);
  expect(round.keyAfter).toBe('k9');
  expect(round.advance(looked())).toBe(false);
  expect(round.keyAfter).toBe('k9');
});
