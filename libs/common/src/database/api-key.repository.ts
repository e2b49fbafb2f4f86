/** The keys of the API. Nobody can read a key back: only its SHA-256 is here. */
import { Injectable } from '@nestjs/common';
import type { Scope } from '#common/domain/access.js';
import type { Rate } from '#common/domain/rate.js';
import { newId } from '#common/runtime/new-id.js';
import { WITHOUT_FSYNC } from './job-statements.js';
import { PrismaService } from './prisma.service.js';

export interface NewApiKey {
  readonly name: string;
  /** SHA-256 of the key, in hexadecimal digits. */
  readonly digest: string;
  readonly scopes: readonly Scope[];
  /** Patterns; none is no limit. */
  readonly queues: readonly string[];
  readonly rate: Rate | null;
  readonly expiresAt: Date | null;
}

export interface ApiKey extends Omit<NewApiKey, 'digest'> {
  readonly id: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** A key that may be used, with what it is recognised by. */
export interface UsableKey extends ApiKey {
  readonly digest: string;
}

interface Row extends Omit<ApiKey, 'rate'> {
  readonly rateRequests: number | null;
  readonly rateWindowS: number | null;
}

const COLUMNS = `id, name, scopes, queues, rate_requests AS "rateRequests", rate_window_s AS "rateWindowS",
  created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;

const USABLE = `revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;

/** In: id, name, digest, scopes, queues, rate, time of expiry. Rows: it. */
const INSERT_KEY = `/* insert_api_key */
INSERT INTO api_keys (id, name, digest, scopes, queues, rate_requests, rate_window_s, expires_at)
VALUES ($1::uuid, $2, decode($3, 'hex'), $4::text[], $5::text[], $6, $7, $8::timestamptz)
RETURNING ${COLUMNS}`;

/**
 * The key of the environment is there, and what it was before is revoked. One that was revoked stays so.
 * In: id for a new row, name, digest, scopes.
 */
const ENSURE_KEY = `/* ensure_api_key */
WITH former AS (
  UPDATE api_keys SET revoked_at = now()
  WHERE from_environment AND revoked_at IS NULL AND digest <> decode($3, 'hex')
)
INSERT INTO api_keys (id, name, digest, scopes, queues, from_environment)
VALUES ($1::uuid, $2, decode($3, 'hex'), $4::text[], '{}', true)
ON CONFLICT (digest) DO NOTHING`;

/** At most once a minute for each key, however many stores it is used at. Losing one in a crash does no harm. */
const NOTE_USE = `/* note_api_key_use */
WITH ${WITHOUT_FSYNC}
UPDATE api_keys SET last_used_at = now() FROM nosync
WHERE id = ANY ($1::uuid[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`;

@Injectable()
export class ApiKeyRepository {
  constructor(private readonly prisma: PrismaService) {}

  async create(key: NewApiKey): Promise<ApiKey> {
    const [row] = await this.prisma.query<Row>(
      INSERT_KEY,
      newId(),
      key.name,
      key.digest,
      key.scopes,
      key.queues,
      key.rate?.requests ?? null,
      key.rate?.windowS ?? null,
      key.expiresAt?.toISOString() ?? null,
    );
    if (row === undefined) throw new Error('an INSERT returned no row');
    return toKey(row);
  }

  /** Makes sure that the key of the environment exists, in the place of the one it had before. */
  async ensureFromEnvironment(name: string, digest: string, scopes: readonly Scope[]): Promise<void> {
    await this.prisma.query(ENSURE_KEY, newId(), name, digest, scopes);
  }

  /** Every key that may be used now. */
  async usable(): Promise<UsableKey[]> {
    const rows = await this.prisma.query<Row & { digest: string }>(
      `/* usable_api_keys */ SELECT ${COLUMNS}, encode(digest, 'hex') AS digest FROM api_keys WHERE ${USABLE}`,
    );
    return rows.map((row) => ({ ...toKey(row), digest: row.digest }));
  }

  /** Whether there ever was a key: one that is revoked or has expired counts too. */
  async anyWasMade(): Promise<boolean> {
    const [row] = await this.prisma.query<{ made: boolean }>(
      `/* any_api_key */ SELECT EXISTS (SELECT 1 FROM api_keys) AS made`,
    );
    return row?.made === true;
  }

  /** Newest first. @param all those that are revoked or have expired too */
  async list(all: boolean, beforeId: string | undefined, limit: number): Promise<ApiKey[]> {
    const rows = await this.prisma.query<Row>(
      `/* list_api_keys */ SELECT ${COLUMNS} FROM api_keys
       WHERE ($1::bool OR (${USABLE})) AND ($2::uuid IS NULL OR id < $2::uuid) ORDER BY id DESC LIMIT $3`,
      all,
      beforeId ?? null,
      limit,
    );
    return rows.map(toKey);
  }

  /** Revokes a key; one that was revoked before stays as it is. @returns undefined when there is no such key */
  async revoke(id: string): Promise<ApiKey | undefined> {
    const [row] = await this.prisma.query<Row>(
      `/* revoke_api_key */
       UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1::uuid RETURNING ${COLUMNS}`,
      id,
    );
    return row === undefined ? undefined : toKey(row);
  }

  async noteUse(ids: readonly string[]): Promise<void> {
    await this.prisma.query(NOTE_USE, ids);
  }
}

function toKey({ rateRequests, rateWindowS, ...key }: Row): ApiKey {
  const rate =
    rateRequests === null || rateWindowS === null ? null : { requests: rateRequests, windowS: rateWindowS };
  return { ...key, rate };
}
