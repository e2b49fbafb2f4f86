/**
 * The secret that entitles to one lease. Postgres holds only its hash, as the `executor_id` of the job it runs, which every
 * end and every heartbeat names; so whoever reads the database, or the API, cannot speak for a worker. Beside the secret the
 * token tells what the statements need to know: a token that was changed names a lease that there is not.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { LeaseHold } from '#common/database/lease.repository.js';

export interface LeaseSecret {
  readonly secret: string;
  /** What the database knows of it. */
  readonly executorId: string;
}

/** What a token tells about its lease. */
export interface LeaseClaim extends Omit<LeaseHold, 'jobId'> {
  /** How long each renewal lasts. */
  readonly leaseMs: number;
}

/** How long a worker may be silent, in milliseconds. */
export const LEASE_MS = { min: 5000, max: 3_600_000, default: 30_000 } as const;

const SECRET_BYTES = 24;
const TOKEN = /^([A-Za-z0-9_-]{32})\.(\d{1,9})\.(\d{1,9})\.(\d{1,9})$/;

export function newLeaseSecret(): LeaseSecret {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, executorId: executorIdOf(secret) };
}

export function leaseToken(
  secret: string,
  { delivery, attempt }: { delivery: number; attempt: number },
  leaseMs: number,
): string {
  return `${secret}.${delivery}.${attempt}.${leaseMs}`;
}

/** @returns undefined when the text is no token */
export function readLeaseToken(text: string): LeaseClaim | undefined {
  const [, secret, delivery, attempt, duration] = TOKEN.exec(text) ?? [];
  const leaseMs = Number(duration);
  if (secret === undefined || leaseMs < LEASE_MS.min || leaseMs > LEASE_MS.max) return undefined;
  return { executorId: executorIdOf(secret), delivery: Number(delivery), attempt: Number(attempt), leaseMs };
}

/** 122 bits of a SHA-256, as a UUID of version 8 (RFC 9562: what its bits mean is its maker's business). */
function executorIdOf(secret: string): string {
  const bytes = createHash('sha256').update(secret).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
