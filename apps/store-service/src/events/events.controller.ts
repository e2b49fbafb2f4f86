/** /api/v1/events and /api/v1/jobs/{id}/events: what happens to jobs, as it happens. */
import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { EventRepository } from '#common/database/event.repository.js';
import type { EventFilter } from '#common/domain/job-event.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Semaphore } from '#common/runtime/semaphore.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation } from '../http/operation.js';
import { OpenStreams } from '../http/open-streams.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { jobIdSchema } from '../jobs/job.schemas.js';
import { JobService } from '../jobs/job.service.js';
import { EventFeed } from './event-feed.js';
import { EventListener } from './event-listener.js';
import { listenToEvents, listenToJobEvents } from './event.operations.js';
import { eventFilterSchema, lastEventIdSchema, type EventFilterQuery } from './event.schemas.js';

const inUrl = new ValidationPipe('bad-request');
/** The feed must not wait behind those who catch up. */
const CATCHING_UP_AT_ONCE = 2;

@Controller('api/v1')
export class EventsController {
  readonly #turns = new Semaphore(CATCHING_UP_AT_ONCE);

  constructor(
    private readonly streams: OpenStreams,
    private readonly feed: EventFeed,
    private readonly events: EventRepository,
    private readonly jobs: JobService,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** Server-sent events about all jobs, or those that the query names. Last-Event-ID goes on where another stream ended. */
  @Get('events')
  @Requires('read')
  @Operation(listenToEvents)
  async listen(
    @Query({ schema: eventFilterSchema, pipes: [inUrl] }) { queue, type, workflow, state }: EventFilterQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    for (const wanted of queue ?? []) caller.requireQueue(wanted);
    const queuePatterns = caller.queuePatterns === null ? undefined : caller.grant?.queues;
    const filter = { queues: queue, queuePatterns, types: type, workflowIds: workflow, states: state };
    await this.#serve(filter, lastEventId, request, reply, async () => ({}));
  }

  /** The same about one job. The first event says how the job is; what it tells may be told again. */
  @Get('jobs/:id/events')
  @Requires('read')
  @Operation(listenToJobEvents)
  async listenToJob(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @Headers('last-event-id') lastEventId: string | undefined,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.jobs.get(id, caller);
    await this.#serve({ jobId: id }, lastEventId, request, reply, async () => {
      const { type, queue, workflowId, state, attempt, delivery } = await this.jobs.get(id, caller);
      return { job: { jobId: id, type, queue, workflowId, state, attempt, delivery } };
    });
  }

  async #serve(
    filter: EventFilter,
    lastEventId: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    greeting: () => Promise<object>,
  ): Promise<void> {
    const from = checked(lastEventIdSchema, lastEventId, 'bad-request', ['Last-Event-ID']);
    const stream = this.streams.open(request, reply);
    const release = this.feed.use();
    try {
      await new EventListener(stream, filter, this.feed, this.events, this.#turns).serve(from, greeting);
    } catch (error) {
      // The client comes back by itself and goes on from the last event it has.
      this.log.debug('event stream ended early', { error });
    } finally {
      release();
      stream.end();
    }
  }
}
