/** scheduler.JobService as a client: one connection to one server. */
import { credentials, makeGenericClientConstructor, Metadata, type Client } from '@grpc/grpc-js';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';

const DEFINITION = serviceOf(loadProtos('scheduler.proto'), 'scheduler.JobService');
const JobServiceClient = makeGenericClientConstructor(DEFINITION, 'JobService');

/** A call that is not answered by then has failed, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

export interface JobStatus {
  readonly id?: string;
  readonly status?: string;
  readonly output?: string;
}

export class JobService {
  readonly #client: Client;

  /** Connects with the first call. @param apiKey sent with every call, where there is one */
  constructor(
    readonly address: string,
    private readonly apiKey: string | undefined,
  ) {
    this.#client = new JobServiceClient(address, credentials.createInsecure());
  }

  /** @returns the job's id. @throws ServiceError of grpc-js */
  async submit(command: string, idempotencyKey: string): Promise<string> {
    const metadata = new Metadata();
    metadata.set('idempotency-key', idempotencyKey);
    const { jobId = '' } = await this.#call<{ jobId?: string }>('SubmitJob', { command }, metadata);
    return jobId;
  }

  /** @throws ServiceError of grpc-js */
  status(id: string): Promise<JobStatus> {
    return this.#call<JobStatus>('GetJobStatus', { id }, new Metadata());
  }

  close(): void {
    this.#client.close();
  }

  #call<Response>(name: string, request: object, metadata: Metadata): Promise<Response> {
    const method = DEFINITION[name];
    if (method === undefined) throw new Error(`The .proto files have no method ${name}.`);
    const { path, requestSerialize, responseDeserialize } = method;
    if (this.apiKey !== undefined) metadata.set('authorization', `Bearer ${this.apiKey}`);
    const options = { deadline: Date.now() + CALL_TIMEOUT_MS };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        (error, response) => {
          if (error === null) resolve(response as Response);
          else reject(error);
        },
      );
    });
  }
}
