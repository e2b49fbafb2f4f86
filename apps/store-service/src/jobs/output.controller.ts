/** /api/v1/jobs/{id}/output: what a job wrote, or writes just now. */
import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { JobRepository } from '#common/database/job.repository.js';
import { LiveOutputRepository } from '#common/database/live-output.repository.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation } from '../http/operation.js';
import { OpenStreams } from '../http/open-streams.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { FollowedJobs } from './followed-jobs.js';
import { getJobOutput } from './job.operations.js';
import { presentOutput } from './job.presenter.js';
import type { OutputView } from './job.views.js';
import { jobIdSchema, outputIdSchema, outputQuerySchema, type OutputQuery } from './job.schemas.js';
import { JobService } from './job.service.js';
import { OutputFollower } from './output-follower.js';

const inUrl = new ValidationPipe('bad-request');
/** What clients come back with that have been told everything. */
const ALL_TOLD = 'done';

@Controller('api/v1/jobs')
export class OutputController {
  constructor(
    private readonly service: JobService,
    private readonly jobs: JobRepository,
    private readonly live: LiveOutputRepository,
    private readonly followed: FollowedJobs,
    private readonly streams: OpenStreams,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** With `follow=true`, server-sent events until the job has ended; 204 for a client that has had all of them. */
  @Get(':id/output')
  @Requires('read')
  @Operation(getJobOutput)
  async output(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @Query({ schema: outputQuerySchema, pipes: [inUrl] }) { attempt: wanted, follow }: OutputQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (follow === true && wanted !== 0) {
      await this.service.get(id, caller);
      if (lastEventId === ALL_TOLD) void reply.status(204).send();
      else await this.#follow(id, wanted, lastEventId, request, reply);
      return;
    }
    const { attempt, pieces } = await this.service.output(id, wanted, caller);
    const view: OutputView = presentOutput(id, attempt, pieces);
    void reply.send(view);
  }

  async #follow(
    id: string,
    only: number | undefined,
    lastEventId: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const from = checked(outputIdSchema, lastEventId, 'bad-request', ['Last-Event-ID']);
    const stream = this.streams.open(request, reply);
    const alarm = new Alarm();
    const unfollow = this.followed.follow(id, alarm);
    try {
      await new OutputFollower(id, stream, this.jobs, this.live, alarm).serve(only, from);
    } catch (error) {
      // The client comes back by itself and goes on from where it was.
      this.log.debug('output stream ended early', { error });
    } finally {
      unfollow();
      stream.end();
    }
  }
}
