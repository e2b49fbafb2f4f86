/** The audit log: who changed what, when, and how it ended. */
import { Injectable } from '@nestjs/common';
import type { Json } from '#common/domain/job.js';
import { PrismaService } from './prisma.service.js';

export interface AuditEntry {
  /** UUIDv7 */
  readonly id: string;
  readonly at: Date;
  readonly keyId: string | null;
  readonly who: string;
  readonly address: string;
  readonly action: string;
  readonly target: string;
  readonly outcome: string;
  readonly details: Json;
}

export interface AuditFilter {
  readonly keyId?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** In: one array for each column. An entry that is there already stays as it is, so that a write may be repeated. */
const APPEND = `/* append_audit */
INSERT INTO audit_log (id, at, key_id, who, address, action, target, outcome, details)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
ON CONFLICT (id) DO NOTHING`;

/** Newest first, from before the id $5. Every filter may be null. Index: the primary key. */
const LIST = `/* list_audit */
SELECT id, at, key_id AS "keyId", who, address, action, target, outcome, details FROM audit_log
WHERE ($1::uuid IS NULL OR key_id = $1::uuid) AND ($2::text IS NULL OR action = $2)
  AND ($3::timestamptz IS NULL OR at >= $3::timestamptz) AND ($4::timestamptz IS NULL OR at < $4::timestamptz)
  AND ($5::uuid IS NULL OR id < $5::uuid)
ORDER BY id DESC LIMIT $6`;

@Injectable()
export class AuditRepository {
  constructor(private readonly prisma: PrismaService) {}

  async append(entries: readonly AuditEntry[]): Promise<void> {
    const column = <Value>(of: (entry: AuditEntry) => Value) => entries.map(of);
    await this.prisma.query(
      APPEND,
      column(({ id }) => id),
      column(({ at }) => at.toISOString()),
      column(({ keyId }) => keyId),
      column(({ who }) => who),
      column(({ address }) => address),
      column(({ action }) => action),
      column(({ target }) => target),
      column(({ outcome }) => outcome),
      column(({ details }) => (details === null ? null : JSON.stringify(details))),
    );
  }

  /** Newest first. */
  list(filter: AuditFilter, before: string | undefined, limit: number): Promise<AuditEntry[]> {
    return this.prisma.query<AuditEntry>(
      LIST,
      filter.keyId ?? null,
      filter.action ?? null,
      filter.since?.toISOString() ?? null,
      filter.until?.toISOString() ?? null,
      before ?? null,
      limit,
    );
  }
}
