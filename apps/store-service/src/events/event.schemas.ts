/** What clients may say about the events they want. Each description is part of the API's documentation. */
import { z } from 'zod';
import { jobType, queueName } from '#common/config/names.js';
import { parseEventId } from '#common/domain/event-position.js';
import { JOB_STATES } from '#common/domain/job.js';
import { shownAs } from '../http/shown-as.js';

const MOST_VALUES = 100;

/** Several values with commas between. */
function anyOf<Value extends z.ZodType<string, string>>(value: Value) {
  const list = z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(value).min(1).max(MOST_VALUES));
  const { $schema: _, ...items } = z.toJSONSchema(value, { io: 'input' });
  return shownAs(list, { type: 'array', items, maxItems: MOST_VALUES }).optional();
}

export const eventFilterSchema = z.strictObject({
  queue: anyOf(queueName).describe('Only jobs of this queue, or of one of several with commas between.'),
  type: anyOf(jobType).describe('Only jobs of this type, or of one of several with commas between.'),
  workflow: anyOf(z.uuid('must be a workflow id (a UUID)')).describe(
    'Only jobs of this workflow, or of one of several with commas between.',
  ),
  state: anyOf(z.enum(JOB_STATES)).describe(
    'Only changes to this state, or to one of several with commas between.',
  ),
});

export type EventFilterQuery = z.output<typeof eventFilterSchema>;

/** Where to go on: the id of the last event that the client has, of whichever store. */
export const lastEventIdSchema = z
  .string()
  .transform((text, context) => {
    const position = parseEventId(text);
    if (position !== undefined) return position;
    context.issues.push({
      code: 'custom',
      message: 'must be the id of an event that a store has sent',
      input: text,
    });
    return z.NEVER;
  })
  .optional()
  .describe('Id of the last event that you have: what followed it is told first.');
