/** The metadata idempotency-key: what the header of that name is in REST. */
import type { Metadata } from '@grpc/grpc-js';
import { checked } from '../http/validation.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';

/** @throws Problem when it is not what may be a key */
export function idempotencyKeyOf(metadata: Metadata): string | undefined {
  const [key] = metadata.get('idempotency-key');
  return checked(idempotencyKeySchema, key?.toString(), 'bad-request', ['idempotency-key']);
}
