/** Job types that executors have announced, with the JSON Schema that payloads must fit. */
import { Injectable } from '@nestjs/common';
import type { Json } from '#common/domain/job.js';
import { PrismaService } from './prisma.service.js';

export interface JobType {
  readonly type: string;
  readonly payloadSchema: { readonly [key: string]: Json };
}

@Injectable()
export class JobTypeRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Adds types, and replaces the schema of those that have changed. */
  async announce(types: readonly JobType[]): Promise<void> {
    await this.prisma.query(
      `/* announce_types */
       INSERT INTO job_types AS t (type, payload_schema) SELECT * FROM unnest($1::text[], $2::jsonb[]) ORDER BY 1
       ON CONFLICT (type) DO UPDATE SET payload_schema = excluded.payload_schema, updated_at = now()
       WHERE t.payload_schema <> excluded.payload_schema`,
      types.map(({ type }) => type),
      types.map(({ payloadSchema }) => JSON.stringify(payloadSchema)),
    );
  }

  list(): Promise<JobType[]> {
    return this.prisma.jobType.findMany({ orderBy: { type: 'asc' } }) as Promise<JobType[]>;
  }
}
