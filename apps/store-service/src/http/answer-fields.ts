/** Fields that more than one answer has. */
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';

/** A point in time, as `2030-01-31T08:00:00.000Z`. */
export const time = z.string().meta({ format: 'date-time' });

/** Any JSON value. */
export const json = z.unknown() as z.ZodType as z.ZodType<Json>;

export const wholeNumber = z.int().min(0);

export const nextCursor = z
  .string()
  .nullable()
  .describe('Goes into `cursor` of the next request; null on the last page.');
