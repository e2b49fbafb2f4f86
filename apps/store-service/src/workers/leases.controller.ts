/** /api/v1/leases: workers outside lease jobs, keep them alive and report what became of them. */
import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { clientGone } from '../http/client-gone.js';
import { ValidationPipe } from '../http/validation.js';
import { presentJob, type JobView } from '../jobs/job.presenter.js';
import { LeaseBatchService, type LeaseBatchResult } from './lease-batch.service.js';
import { LeaseDesk } from './lease-desk.js';
import {
  leaseActionSchemas,
  leaseBatchSchema,
  leasedJobSchema,
  leaseRequestSchema,
  type LeaseActionBody,
  type LeaseRequest,
} from './lease.schemas.js';
import { LeaseService, type LeaseAnswer } from './lease.service.js';
import { WorkerTypes } from './worker-types.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

interface LeasedJobId {
  readonly jobId: string;
}

export interface LeaseView {
  /** The secret that every further call about this job names. */
  readonly leaseToken: string;
  readonly expiresAt: string;
  readonly job: JobView;
}

@Controller('api/v1/leases')
export class LeasesController {
  constructor(
    private readonly desk: LeaseDesk,
    private readonly service: LeaseService,
    private readonly batches: LeaseBatchService,
    private readonly types: WorkerTypes,
  ) {}

  /** Leases due jobs, most urgent first; waits for the first one as long as asked. None when the time is up. */
  @Post()
  @HttpCode(200)
  async lease(
    @Body({ schema: leaseRequestSchema, pipes: [inBody] }) request: LeaseRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ leases: LeaseView[] }> {
    const gone = clientGone(reply);
    await this.types.checkLeasable(request.types);
    const leases = await this.desk.take(request, gone);
    return {
      leases: leases.map(({ token, job }) => ({
        leaseToken: token,
        expiresAt: job.leaseUntil.toISOString(),
        job: presentJob(job),
      })),
    };
  }

  /** Up to 1,000 calls at once. 200: each result says what became of its call; those about one job are done in order. */
  @Post('batch')
  @HttpCode(200)
  async batch(
    @Body({ schema: leaseBatchSchema, pipes: [inBody] }) { actions }: { actions: unknown[] },
  ): Promise<{ results: LeaseBatchResult[] }> {
    return { results: await this.batches.act(actions) };
  }

  /** Renews the lease. The answer says whether somebody wants the job cancelled: end it then, and confirm with `cancelled`. */
  @Post(':jobId/heartbeat')
  @HttpCode(200)
  heartbeat(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.heartbeat, pipes: [inBody] }) body: LeaseActionBody<'heartbeat'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'heartbeat', ...body });
  }

  /** Appends what the job wrote. Beyond 256 KiB for an attempt only the bytes are counted. */
  @Post(':jobId/output')
  @HttpCode(200)
  output(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.output, pipes: [inBody] }) body: LeaseActionBody<'output'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'output', ...body });
  }

  /** The job has succeeded. Repeated by the same lease it is answered alike. */
  @Post(':jobId/complete')
  @HttpCode(200)
  complete(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.complete, pipes: [inBody] }) body: LeaseActionBody<'complete'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'complete', ...body });
  }

  /** The attempt has failed: the job is tried again by its policy, or dead. */
  @Post(':jobId/fail')
  @HttpCode(200)
  fail(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.fail, pipes: [inBody] }) body: LeaseActionBody<'fail'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'fail', ...body });
  }

  /** The job is to be leased out again later; the attempt is not counted. */
  @Post(':jobId/snooze')
  @HttpCode(200)
  snooze(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.snooze, pipes: [inBody] }) body: LeaseActionBody<'snooze'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'snooze', ...body });
  }

  /** Hands the job back at once; the attempt is not counted. One that is to be cancelled becomes cancelled. */
  @Post(':jobId/release')
  @HttpCode(200)
  release(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.release, pipes: [inBody] }) body: LeaseActionBody<'release'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'release', ...body });
  }

  /** Confirms that the job was ended because its cancel was asked for. 409 when it was not. */
  @Post(':jobId/cancelled')
  @HttpCode(200)
  cancelled(
    @Param({ schema: leasedJobSchema, pipes: [inUrl] }) { jobId }: LeasedJobId,
    @Body({ schema: leaseActionSchemas.cancelled, pipes: [inBody] }) body: LeaseActionBody<'cancelled'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(jobId, { action: 'cancelled', ...body });
  }
}
