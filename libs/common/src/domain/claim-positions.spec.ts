import { expect, test } from 'vitest';
import { ClaimPositions, NOTHING_CLAIMED } from './claim-positions.js';

const claimed = (id: string, priority: number, runAtMs: number, queue = 'q') => ({
  id,
  queue,
  priority,
  runAtMs,
});

test('each queue and priority goes on behind the last job that was claimed of it', () => {
  const positions = new ClaimPositions();
  positions.advance([
    claimed('a', 0, 10),
    claimed('b', 5, 3),
    claimed('c', 5, 4.0000001),
    claimed('d', 5, 1, 'other'),
  ]);
  expect(positions.of('q')[0]).toEqual({ atMs: 10, id: 'a' });
  expect(positions.of('q')[5]).toEqual({ atMs: 4, id: 'c' });
  expect(positions.of('other')[5]).toEqual({ atMs: 1, id: 'd' });
  expect(positions.of('q')[9]).toEqual(NOTHING_CLAIMED[9]);
  expect(positions.of('unknown')).toEqual(NOTHING_CLAIMED);
});

test('it is time to look back at first, and after a look back the sooner the less it took', () => {
  const positions = new ClaimPositions();
  expect(positions.lookBackInMs(1000)).toBe(-Infinity);
  positions.lookedBack(1000, 0.3);
  expect(positions.lookBackInMs(1005)).toBe(15);
  positions.lookedBack(2000, 40);
  expect(positions.lookBackInMs(2000)).toBe(2000);
});

test('a look that took long for once does not put off the next for minutes', () => {
  const positions = new ClaimPositions();
  positions.lookedBack(0, 3000);
  expect(positions.lookBackInMs(0)).toBe(5000);
});

test('once it has forgotten, everything is looked at again', () => {
  const positions = new ClaimPositions();
  positions.advance([claimed('a', 0, 10)]);
  positions.lookedBack(0, 100);
  positions.forget();
  expect(positions.of('q')).toEqual(NOTHING_CLAIMED);
  expect(positions.lookBackInMs(0)).toBe(-Infinity);
});
