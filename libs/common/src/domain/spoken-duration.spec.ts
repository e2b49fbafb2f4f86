import { expect, test } from 'vitest';
import { spokenDuration } from './spoken-duration.js';

test.each([
  [-5, 'less than a second'],
  [0, 'less than a second'],
  [499, 'less than a second'],
  [500, '1 second'],
  [12_400, '12 seconds'],
  [59_999, '1 minute'],
  [61_000, '1 minute 1 second'],
  [3_600_000, '1 hour'],
  [7_500_000, '2 hours 5 minutes'],
  [86_399_600, '1 day'],
  [2 * 86_400_000 + 3 * 3_600_000 + 59_000, '2 days 3 hours'],
  [86_400_000 + 59_000, '1 day'],
])('%i ms are "%s"', (ms, text) => {
  expect(spokenDuration(ms)).toBe(text);
});
