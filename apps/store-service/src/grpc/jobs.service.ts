/** triumvir.v1.JobService: the same jobs as in the REST API, for gRPC clients. */
import { Injectable } from '@nestjs/common';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { BATCH_LIMIT_BYTES } from '../http/bodies.js';
import { AuditLog } from '../audit/audit-log.js';
import { JobWatcher } from '../events/job-watcher.js';
import { Problem } from '../http/problem.js';
import { checked } from '../http/validation.js';
import { batchBodySchema } from '../jobs/job-batch.schemas.js';
import { JobBatchService, type BatchResult } from '../jobs/job-batch.service.js';
import { createJobSchema, jobIdSchema } from '../jobs/job.schemas.js';
import { JobService } from '../jobs/job.service.js';
import { stream, unary, type Call, type GrpcService } from './calls.js';
import { idempotencyKeyOf } from './idempotency-key.js';
import { jobMessage, jobMessageWithAttempts, stateName } from './job-message.js';
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
      SubmitJob: unary('submit', (request: { readonly job?: NewJobMessage }, call) =>
        this.#submit(request, call),
      ),
      SubmitJobs: unary(
        'submit',
        (request: { readonly jobs?: readonly NewJobMessage[]; readonly atomic?: boolean }, call) =>
          this.#submitMany(request, call),
        BATCH_LIMIT_BYTES,
      ),
      GetJob: unary('read', (request: JobIdMessage, call) => this.#get(request, call)),
      WatchJob: stream('read', (request: JobIdMessage, call) => this.#watch(request, call)),
      CancelJob: unary('operate', (request: JobIdMessage, call) => this.#cancel(request, call)),
    },
  };

  constructor(
    private readonly jobs: JobService,
    private readonly batches: JobBatchService,
    private readonly watcher: JobWatcher,
    private readonly audit: AuditLog,
  ) {}

  async #submit({ job = {} }: { readonly job?: NewJobMessage }, { metadata, caller }: Call): Promise<object> {
    const request = checked(createJobSchema, bodyOf(job), 'validation-failed');
    const submitted = await this.jobs.submit(request, idempotencyKeyOf(metadata), caller);
    return { job: jobMessage(submitted.job), created: submitted.created };
  }

  async #submitMany(
    { jobs = [], atomic = false }: { readonly jobs?: readonly NewJobMessage[]; readonly atomic?: boolean },
    { metadata, caller }: Call,
  ): Promise<object> {
    const items = checked(batchBodySchema, { jobs: jobs.map(bodyOf) }, 'validation-failed').jobs;
    const idempotencyKey = idempotencyKeyOf(metadata);
    const results = await this.batches.submit(items, { atomic, idempotencyKey, caller });
    const rejected = results.filter((result) => 'error' in result).length;
    const created = results.filter((result) => 'created' in result && result.created).length;
    return {
      created,
      existing: results.length - rejected - created,
      rejected,
      results: results.map(resultMessage),
    };
  }

  async #get(request: JobIdMessage, { caller }: Call): Promise<object> {
    const { job, earlier } = await this.jobs.getWithHistory(idOf(request), caller);
    return jobMessageWithAttempts(job, earlier);
  }

  async #cancel(request: JobIdMessage, { caller }: Call): Promise<object> {
    const id = idOf(request);
    const audited = { action: `${NAME}/CancelJob`, target: id };
    return jobMessage(await this.audit.recorded(caller, audited, () => this.jobs.cancel(id, caller)));
  }

  async *#watch(request: JobIdMessage, { caller, signal }: Call): AsyncGenerator<object> {
    const id = idOf(request);
    await this.jobs.get(id, caller);
    for await (const job of this.watcher.watch(id, signal)) yield jobMessage(job);
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
