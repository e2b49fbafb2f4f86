/** What a job that depends on others may know of them: how they ended, and their results. */
import { Injectable } from '@nestjs/common';
import type { Parent } from '#common/domain/workflow.js';
import { PrismaService } from './prisma.service.js';
import { LIST_PARENTS } from './workflow-statements.js';

/** Results of all parents of one job together, in bytes; a result beyond it is left out and marked. */
const RESULTS_BYTES = 4 * 1024 * 1024;

@Injectable()
export class ParentRepository {
  constructor(private readonly prisma: PrismaService) {}

  /**
   * Each after those that it depends on itself.
   * @param queuePatterns operands of LIKE: only parents whose queue one of them fits; null is no limit
   */
  parentsOf(jobId: string, queuePatterns: readonly string[] | null = null): Promise<Parent[]> {
    return this.prisma.query<Parent>(LIST_PARENTS, jobId, RESULTS_BYTES, queuePatterns);
  }
}
