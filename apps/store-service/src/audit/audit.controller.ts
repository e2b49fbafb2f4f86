/** GET /api/v1/audit: who changed what. */
import { Controller, Get, Query } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import { AuditRepository } from '#common/database/audit.repository.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { ValidationPipe } from '../http/validation.js';
import { listAudit } from './audit.operations.js';
import { listAuditSchema, type ListAudit } from './audit.schemas.js';
import { presentAuditEntry, type AuditEntryView } from './audit.views.js';

@Controller('api/v1/audit')
export class AuditController {
  constructor(private readonly entries: AuditRepository) {}

  /** Newest first. */
  @Get()
  @Requires('admin')
  @Operation(listAudit)
  async list(
    @Query({ schema: listAuditSchema, pipes: [new ValidationPipe('bad-request')] })
    { key, limit, cursor, ...filter }: ListAudit,
  ): Promise<{ entries: AuditEntryView[]; nextCursor: string | null }> {
    const entries = await this.entries.list({ keyId: key, ...filter }, cursor, limit + 1);
    const page = entries.slice(0, limit);
    const last = page.at(-1);
    return {
      entries: page.map(presentAuditEntry),
      nextCursor: entries.length > limit && last !== undefined ? encodeCursor(last.id) : null,
    };
  }
}
