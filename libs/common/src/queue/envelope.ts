/** The message that travels through Redis: which deliveries, and nothing that could be run. */
import { z } from 'zod';
import type { Delivery } from '#common/domain/job.js';

/** No envelope travels longer ahead of the due time of its jobs than this, in milliseconds. */
export const SENT_AHEAD_MS = 5;

/**
 * Short names, because there is one of these for every hand-over: d holds [job id, delivery] pairs, and w says how many
 * milliseconds after it was sent they are due, when they are not due yet.
 */
const envelopeSchema = z.object({
  d: z.array(z.tuple([z.uuid(), z.int32().min(1)])).min(1),
  w: z.number().min(0).max(SENT_AHEAD_MS).optional(),
});

export type EnvelopeData = z.infer<typeof envelopeSchema>;

export interface Envelope {
  readonly deliveries: readonly Delivery[];
  /** How long after it was sent its jobs are due, in milliseconds: 0, or up to SENT_AHEAD_MS. */
  readonly dueInMs: number;
}

export function encodeEnvelope({ deliveries, dueInMs }: Envelope): EnvelopeData {
  const d = deliveries.map(({ jobId, delivery }): [string, number] => [jobId, delivery]);
  return dueInMs > 0 ? { d, w: dueInMs } : { d };
}

/** Returns no deliveries for a message that is not one of ours: Redis is not trusted, and the sweep heals what it spoils. */
export function decodeEnvelope(data: unknown): Envelope {
  const parsed = envelopeSchema.safeParse(data);
  if (!parsed.success) return { deliveries: [], dueInMs: 0 };
  const { d, w = 0 } = parsed.data;
  return { deliveries: d.map(([jobId, delivery]) => ({ jobId, delivery })), dueInMs: w };
}

/** The same deliveries always make the same id, so that publishing twice by mistake queues once. */
export function envelopeId(deliveries: readonly [Delivery, ...Delivery[]]): string {
  const [first] = deliveries;
  return `${first.jobId}-${first.delivery}-${deliveries.length}`;
}
