import { validate, version } from 'uuid';
import { expect, test, vi } from 'vitest';
import { newId } from './new-id.js';

test('ids are UUIDs of version 7, all different, in the order of their making', () => {
  const ids = Array.from({ length: 5000 }, newId);
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
});

test('a clock that is set back does not make an id that sorts before an earlier one', () => {
  const earlier = newId();
  vi.useFakeTimers({ now: Date.now() - 60_000 });
  try {
    expect(newId() > earlier).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
