/** The message that travels through Redis: which deliveries, and nothing that could be run. */
import { z } from 'zod';
import type { Delivery } from '#common/domain/job.js';

/** Short names, because there is one of these for every hand-over: d holds [job id, delivery] pairs. */
const envelopeSchema = z.object({
  d: z.array(z.tuple([z.uuid(), z.int32().min(1)])).min(1),
});

export type EnvelopeData = z.infer<typeof envelopeSchema>;

export function encodeEnvelope(deliveries: readonly Delivery[]): EnvelopeData {
  return { d: deliveries.map(({ jobId, delivery }) => [jobId, delivery]) };
}

/** Returns no deliveries for a message that is not one of ours: Redis is not trusted, and the sweep heals what it spoils. */
export function decodeEnvelope(data: unknown): Delivery[] {
  const parsed = envelopeSchema.safeParse(data);
  return parsed.success ? parsed.data.d.map(([jobId, delivery]) => ({ jobId, delivery })) : [];
}

/** The same deliveries always make the same id, so that publishing twice by mistake queues once. */
export function envelopeId(deliveries: readonly [Delivery, ...Delivery[]]): string {
  const [first] = deliveries;
  return `${first.jobId}-${first.delivery}-${deliveries.length}`;
}
