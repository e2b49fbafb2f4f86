/** What the scheduler goes by when nobody has set anything. */
import { expect, test } from 'vitest';
import { parseEnvironment } from '#common/config/environment.js';
import { schedulerSettings } from './environment.js';

const DAY_MS = 24 * 3_600_000;

test('what succeeded or was cancelled or expired is kept for 7 days, dead jobs and the ledger for 30, the audit log for 90', () => {
  expect(parseEnvironment(schedulerSettings, {})).toMatchObject({
    RETENTION_SUCCEEDED: 7 * DAY_MS,
    RETENTION_CANCELLED: 7 * DAY_MS,
    RETENTION_EXPIRED: 7 * DAY_MS,
    RETENTION_DEAD: 30 * DAY_MS,
    RETENTION_OCCURRENCES: 30 * DAY_MS,
    RETENTION_AUDIT: 90 * DAY_MS,
  });
});
