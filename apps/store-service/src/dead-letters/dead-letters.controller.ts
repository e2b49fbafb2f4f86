/** /api/v1/dead-letters: look through the jobs that died, drive them again, or do away with them. */
import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { Problem } from '../http/problem.js';
import { ValidationPipe } from '../http/validation.js';
import { presentJob, presentListedJob } from '../jobs/job.presenter.js';
import { jobIdSchema } from '../jobs/job.schemas.js';
import { JobService } from '../jobs/job.service.js';
import type { JobView, ListedJobView } from '../jobs/job.views.js';
import {
  listDeadLetters,
  purgeDeadLetters,
  redriveDeadLetters,
  redriveJob,
} from './dead-letter.operations.js';
import {
  listDeadLettersSchema,
  purgeSchema,
  redriveOneSchema,
  redriveSchema,
  type ListDeadLetters,
  type Purge,
  type Redrive,
} from './dead-letter.schemas.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller('api/v1')
export class DeadLettersController {
  constructor(
    private readonly deadLetters: DeadLetterRepository,
    private readonly jobs: JobService,
    private readonly notifier: Notifier,
  ) {}

  /** Newest first. Every attempt of one of them is told by GET /api/v1/jobs/{id}. */
  @Get('dead-letters')
  @Operation(listDeadLetters)
  async list(
    @Query({ schema: listDeadLettersSchema, pipes: [inUrl] }) query: ListDeadLetters,
  ): Promise<{ jobs: ListedJobView[]; nextCursor: string | null }> {
    const jobs = await this.deadLetters.list(query, query.cursor, query.limit + 1);
    const page = jobs.slice(0, query.limit);
    const last = page.at(-1);
    return {
      jobs: page.map(presentListedJob),
      nextCursor: jobs.length > query.limit && last !== undefined ? encodeCursor(last.id) : null,
    };
  }

  /** 200: the job is due now, with further attempts. 409: it is neither dead nor held, or its uniqueKey is taken. */
  @Post('jobs/:id/redrive')
  @HttpCode(200)
  @Operation(redriveJob)
  async redriveOne(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @Body({ schema: redriveOneSchema, pipes: [inBody] }) { attempts }: { attempts: number },
  ): Promise<JobView> {
    const redriven = await this.deadLetters.redrive(id, attempts);
    const job = await this.jobs.get(id);
    if (!redriven) {
      const isDead = job.state === 'dead';
      throw new Problem(
        'conflict',
        isDead
          ? `Another unfinished job has its uniqueKey.`
          : `The job is ${job.state}; only a dead or a held job can be driven again.`,
      );
    }
    this.notifier.send('work');
    return presentJob(job);
  }

  @Post('dead-letters/redrive')
  @HttpCode(200)
  @Operation(redriveDeadLetters)
  async redrive(
    @Body({ schema: redriveSchema, pipes: [inBody] }) request: Redrive,
  ): Promise<{ matched: number; redriven: number }> {
    const matched = await this.deadLetters.count(request);
    if (request.dryRun) return { matched, redriven: 0 };
    const redriven = await this.deadLetters.redriveMatching(request, request.attempts);
    this.notifier.send('work');
    return { matched, redriven };
  }

  /** Deletes them, with their history and output. */
  @Post('dead-letters/purge')
  @HttpCode(200)
  @Operation(purgeDeadLetters)
  async purge(
    @Body({ schema: purgeSchema, pipes: [inBody] }) request: Purge,
  ): Promise<{ matched: number; purged: number }> {
    const matched = await this.deadLetters.count(request);
    return { matched, purged: request.dryRun ? 0 : await this.deadLetters.purgeMatching(request) };
  }
}
