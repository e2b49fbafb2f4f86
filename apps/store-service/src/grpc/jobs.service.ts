/** triumvir.v1.JobService: the same jobs as in the REST API, for gRPC clients. */
import { Injectable } from '@nestjs/common';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { BATCH_LIMIT_BYTES } from '../http/bodies.js';
import { Problem } from '../http/problem.js';
import { checked } from '../http/validation.js';
import { batchBodySchema } from '../jobs/job-batch.schemas.js';
import { JobBatchService, type BatchResult } from '../jobs/job-batch.service.js';
import { createJobSchema, jobIdSchema } from '../jobs/job.schemas.js';
import { JobService } from '../jobs/job.service.js';
import { stream, unary, type Call, type GrpcService } from './calls.js';
import { idempotencyKeyOf } from './idempotency-key.js';
import { jobMessage, jobMessageWithAttempts, stateName } from './job-message.js';
import { JobWatcher } from './job-watcher.js';
import { bodyOf, type NewJobMessage } from './new-job.js';
import { statusMessage } from './status.js';

interface JobIdMessage {
  readonly id?: string;
}

export const JOBS_PROTO = 'triumvir/v1/jobs.proto';
const NAME = 'triumvir.v1.JobService';

@Injectable()
export class JobsGrpcService {
  readonly service: GrpcService = {
    name: NAME,
    definition: serviceOf(loadProtos(JOBS_PROTO), NAME),
    methods: {
      SubmitJob: unary((request: { readonly job?: NewJobMessage }, call) => this.#submit(request, call)),
      SubmitJobs: unary(
        (request: { readonly jobs?: readonly NewJobMessage[]; readonly atomic?: boolean }, call) =>
          this.#submitMany(request, call),
        BATCH_LIMIT_BYTES,
      ),
      GetJob: unary((request: JobIdMessage) => this.#get(request)),
      WatchJob: stream((request: JobIdMessage, call) => this.#watch(request, call)),
      CancelJob: unary(async (request: JobIdMessage) => jobMessage(await this.jobs.cancel(idOf(request)))),
    },
  };

  constructor(
    private readonly jobs: JobService,
    private readonly batches: JobBatchService,
    private readonly watcher: JobWatcher,
  ) {}

  async #submit({ job = {} }: { readonly job?: NewJobMessage }, { metadata }: Call): Promise<object> {
    const request = checked(createJobSchema, bodyOf(job), 'validation-failed');
    const submitted = await this.jobs.submit(request, idempotencyKeyOf(metadata));
    return { job: jobMessage(submitted.job), created: submitted.created };
  }

  async #submitMany(
    { jobs = [], atomic = false }: { readonly jobs?: readonly NewJobMessage[]; readonly atomic?: boolean },
    { metadata }: Call,
  ): Promise<object> {
    const items = checked(batchBodySchema, { jobs: jobs.map(bodyOf) }, 'validation-failed').jobs;
    const idempotencyKey = idempotencyKeyOf(metadata);
    const results = await this.batches.submit(items, { atomic, idempotencyKey });
    const rejected = results.filter((result) => 'error' in result).length;
    const created = results.filter((result) => 'created' in result && result.created).length;
    return {
      created,
      existing: results.length - rejected - created,
      rejected,
      results: results.map(resultMessage),
    };
  }

  async #get(request: JobIdMessage): Promise<object> {
    const { job, earlier } = await this.jobs.getWithHistory(idOf(request));
    return jobMessageWithAttempts(job, earlier);
  }

  async *#watch(request: JobIdMessage, { signal }: Call): AsyncGenerator<object> {
    const id = idOf(request);
    let found = false;
    for await (const job of this.watcher.watch(id, signal)) {
      found = true;
      yield jobMessage(job);
    }
    if (!found && !signal.aborted) throw new Problem('not-found', `There is no job with id ${id}.`);
  }
}

function idOf(request: JobIdMessage): string {
  return checked(jobIdSchema, { id: request.id }, 'bad-request').id;
}

function resultMessage(result: BatchResult): object {
  if ('id' in result)
    return { accepted: { id: result.id, state: stateName(result.state), created: result.created } };
  const { kind, detail, errors } = result.error;
  return { refused: statusMessage(new Problem(kind, detail, errors)) };
}
