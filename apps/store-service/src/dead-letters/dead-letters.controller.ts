/** /api/v1/dead-letters: look through the jobs that died, drive them again, or do away with them. */
import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import type { Json } from '#common/domain/job.js';
import { Notifier } from '#common/database/notifications.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { Problem } from '../http/problem.js';
import { ValidationPipe } from '../http/validation.js';
import { illegalTransition } from '../jobs/illegal-transition.js';
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
  @Requires('read')
  @Operation(listDeadLetters)
  async list(
    @Query({ schema: listDeadLettersSchema, pipes: [inUrl] }) query: ListDeadLetters,
    @CalledBy() { queuePatterns }: Caller,
  ): Promise<{ jobs: ListedJobView[]; nextCursor: string | null }> {
    const jobs = await this.deadLetters.list({ ...query, queuePatterns }, query.cursor, query.limit + 1);
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
  @Requires('operate')
  @Operation(redriveJob)
  async redriveOne(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @Body({ schema: redriveOneSchema, pipes: [inBody] }) { attempts }: { attempts: number },
    @CalledBy() caller: Caller,
  ): Promise<JobView> {
    await this.jobs.requireReach(id, caller);
    const redriven = await this.deadLetters.redrive(id, attempts);
    const job = await this.jobs.get(id, caller);
    if (!redriven) {
      if (job.state === 'dead') throw new Problem('conflict', 'Another unfinished job has its uniqueKey.');
      throw illegalTransition(job.state, 'Only a dead or a held job can be driven again.');
    }
    this.notifier.send('work');
    return presentJob(job);
  }

  @Post('dead-letters/redrive')
  @HttpCode(200)
  @Requires('operate')
  @Operation(redriveDeadLetters)
  async redrive(
    @Body({ schema: redriveSchema, pipes: [inBody] }) request: Redrive,
    @CalledBy() caller: Caller,
  ): Promise<{ matched: number; redriven: number }> {
    const filter = { ...request, queuePatterns: caller.queuePatterns };
    const matched = await this.deadLetters.count(filter);
    caller.note({ request: noted(request), matched });
    if (request.dryRun) return { matched, redriven: 0 };
    const redriven = await this.deadLetters.redriveMatching(filter, request.attempts);
    caller.note({ redriven });
    this.notifier.send('work');
    return { matched, redriven };
  }

  /** Deletes them, with their history and output. */
  @Post('dead-letters/purge')
  @HttpCode(200)
  @Requires('operate')
  @Operation(purgeDeadLetters)
  async purge(
    @Body({ schema: purgeSchema, pipes: [inBody] }) request: Purge,
    @CalledBy() caller: Caller,
  ): Promise<{ matched: number; purged: number }> {
    const filter = { ...request, queuePatterns: caller.queuePatterns };
    const matched = await this.deadLetters.count(filter);
    caller.note({ request: noted(request), matched });
    if (request.dryRun) return { matched, purged: 0 };
    const purged = await this.deadLetters.purgeMatching(filter);
    caller.note({ purged });
    return { matched, purged };
  }
}

/** A request as the audit log keeps it. */
function noted(request: Redrive | Purge): Json {
  return JSON.parse(JSON.stringify(request)) as Json;
}
