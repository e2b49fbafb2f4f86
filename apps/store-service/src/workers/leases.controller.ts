/** /api/v1/leases: workers outside lease jobs, keep them alive and report what became of them. */
import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { AccessService } from '../access/access.service.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { clientGone } from '../http/client-gone.js';
import { Operation } from '../http/operation.js';
import { ValidationPipe } from '../http/validation.js';
import { presentJob } from '../jobs/job.presenter.js';
import { jobIdSchema } from '../jobs/job.schemas.js';
import { LeaseBatchService } from './lease-batch.service.js';
import { LeaseDesk } from './lease-desk.js';
import { requireQueues } from './required-queues.js';
import {
  cancelled,
  complete,
  fail,
  heartbeat,
  leaseBatch,
  leaseJobs,
  output,
  release,
  snooze,
} from './lease.operations.js';
import {
  leaseActionSchemas,
  leaseBatchSchema,
  leaseRequestSchema,
  type LeaseActionBody,
  type LeaseRequest,
} from './lease.schemas.js';
import { LeaseService } from './lease.service.js';
import type { HeartbeatView, LeaseAnswer, LeaseBatchAnswer, LeasesView } from './lease.views.js';
import { WorkerTypes } from './worker-types.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

interface LeasedJob {
  readonly id: string;
}

@Controller('api/v1/leases')
export class LeasesController {
  constructor(
    private readonly desk: LeaseDesk,
    private readonly service: LeaseService,
    private readonly batches: LeaseBatchService,
    private readonly types: WorkerTypes,
    private readonly access: AccessService,
  ) {}

  /** Leases due jobs, most urgent first; waits for the first one as long as asked. None when the time is up. */
  @Post()
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(leaseJobs)
  async lease(
    @Body({ schema: leaseRequestSchema, pipes: [inBody] }) request: LeaseRequest,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LeasesView> {
    requireQueues(request, caller);
    await this.types.checkLeasable(request.types);
    // Whoever waits with a key that ends meanwhile gets nothing.
    const ended = new AbortController();
    const forget = this.access.whenEnded(caller, () => ended.abort());
    const leases = await this.desk
      .take(request, AbortSignal.any([clientGone(reply), ended.signal]))
      .finally(forget);
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
  @Requires('operate', { audited: false })
  @Operation(leaseBatch)
  async batch(
    @Body({ schema: leaseBatchSchema, pipes: [inBody] }) { actions }: { actions: unknown[] },
  ): Promise<LeaseBatchAnswer> {
    return { results: await this.batches.act(actions) };
  }

  /** Renews the lease. The answer says whether somebody wants the job cancelled: end it then, and confirm with `cancelled`. */
  @Post(':id/heartbeat')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(heartbeat)
  heartbeat(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.heartbeat, pipes: [inBody] }) body: LeaseActionBody<'heartbeat'>,
  ): Promise<HeartbeatView> {
    return this.service.heartbeat(id, body);
  }

  /** Appends what the job wrote. Beyond 256 KiB for an attempt only the bytes are counted. */
  @Post(':id/output')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(output)
  output(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.output, pipes: [inBody] }) body: LeaseActionBody<'output'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(id, { action: 'output', ...body });
  }

  /** The job has succeeded. Repeated by the same lease it is answered alike. */
  @Post(':id/complete')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(complete)
  complete(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.complete, pipes: [inBody] }) body: LeaseActionBody<'complete'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(id, { action: 'complete', ...body });
  }

  /** The attempt has failed: the job is tried again by its policy, or dead. */
  @Post(':id/fail')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(fail)
  fail(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.fail, pipes: [inBody] }) body: LeaseActionBody<'fail'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(id, { action: 'fail', ...body });
  }

  /** The job is to be leased out again later; the attempt is not counted. */
  @Post(':id/snooze')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(snooze)
  snooze(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.snooze, pipes: [inBody] }) body: LeaseActionBody<'snooze'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(id, { action: 'snooze', ...body });
  }

  /** Hands the job back at once; the attempt is not counted. One that is to be cancelled becomes cancelled. */
  @Post(':id/release')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(release)
  release(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.release, pipes: [inBody] }) body: LeaseActionBody<'release'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(id, { action: 'release', ...body });
  }

  /** Confirms that the job was ended because its cancel was asked for. 409 when it was not. */
  @Post(':id/cancelled')
  @HttpCode(200)
  @Requires('operate', { audited: false })
  @Operation(cancelled)
  cancelled(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: LeasedJob,
    @Body({ schema: leaseActionSchemas.cancelled, pipes: [inBody] }) body: LeaseActionBody<'cancelled'>,
  ): Promise<LeaseAnswer> {
    return this.service.act(id, { action: 'cancelled', ...body });
  }
}
