/** Answers about the dead-letter queue that are no jobs. */
import { z } from 'zod';
import { wholeNumber } from '../http/answer-fields.js';

const matched = wholeNumber.describe('Dead jobs that the filter meant.');

export const redrivenSchema = z
  .object({
    matched,
    redriven: wholeNumber.describe('How many are due now; fewer where a uniqueKey is taken. 0 in a dry run.'),
  })
  .meta({ id: 'Redriven' });

export const purgedSchema = z
  .object({ matched, purged: wholeNumber.describe('How many were deleted; 0 in a dry run.') })
  .meta({ id: 'Purged' });
