/** gRPC as a foreign program uses it: a client made from .proto files of its own, and errors with what stands in them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  type CallOptions,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { ROOT } from '#tools/root.js';

const PROTO_FOLDER = join(ROOT, 'proto');
/** As most generated clients have it: names as written, every field there. */
const LOADING = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true } as const;

export type Message = Record<string, unknown>;

export interface CallSettings {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** The messages and services of a .proto text. */
export function protosOf(text: string): PackageDefinition {
  const folder = mkdtempSync(join(tmpdir(), 'triumvir-proto-'));
  try {
    writeFileSync(join(folder, 'foreign.proto'), text);
    return loadSync('foreign.proto', { ...LOADING, includeDirs: [folder] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Those of a file below proto/. */
export function ownProtos(...files: string[]): PackageDefinition {
  return loadSync(files, { ...LOADING, includeDirs: [PROTO_FOLDER] });
}

export function healthService(): ServiceDefinition {
  return loadSync(protoPath, LOADING)['grpc.health.v1.Health'] as ServiceDefinition;
}

export class GrpcClient {
  readonly #client: Client;

  constructor(
    address: string,
    readonly service: ServiceDefinition,
    options: object = {},
  ) {
    const Constructor = makeGenericClientConstructor({}, 'foreign');
    this.#client = new Constructor(address, credentials.createInsecure(), options);
  }

  /** @throws GrpcFailure */
  call(method: string, request: Message, settings: CallSettings = {}): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadataOf(settings),
        optionsOf(settings),
        (error, response) => {
          if (error === null) resolve(response as Message);
          else reject(new GrpcFailure(error));
        },
      );
    });
  }

  /** Each message of a stream; `return` of the iterator cancels the call. @throws GrpcFailure */
  async *stream(method: string, request: Message, settings: CallSettings = {}): AsyncGenerator<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(settings),
      optionsOf(settings),
    );
    try {
      for await (const message of call) yield message as Message;
    } catch (error) {
      throw new GrpcFailure(error as ServiceError);
    } finally {
      call.cancel();
    }
  }

  /** Makes a call, of any service, and resolves with the status code and what was answered until then. */
  attempt(
    { path, responseStream, requestSerialize, responseDeserialize }: ServiceDefinition[string],
    request: object,
    settings: CallSettings = {},
  ): Promise<{ code: number; answers: Message[] }> {
    const [metadata, options] = [metadataOf(settings), optionsOf(settings)];
    const answers: Message[] = [];
    const call = [path, requestSerialize, responseDeserialize, request, metadata, options] as const;
    return new Promise((resolve) => {
      if (responseStream) {
        const stream = this.#client.makeServerStreamRequest(...call);
        stream.on('data', (answer: Message) => answers.push(answer));
        stream.on('error', () => undefined);
        stream.on('status', ({ code }) => resolve({ code, answers }));
      } else {
        const take = (_error: unknown, answer?: object) => {
          if (answer !== undefined) answers.push(answer as Message);
        };
        this.#client
          .makeUnaryRequest(...call, take)
          .on('status', ({ code }) => setImmediate(resolve, { code, answers }));
      }
    });
  }

  /** Sends bytes that need not be a message, and resolves with the status code of the answer. */
  codeOf(path: string, bytes: Uint8Array, isStream: boolean, settings: CallSettings = {}): Promise<number> {
    const asIs = (value: Buffer) => value;
    const request = Buffer.from(bytes);
    return new Promise((resolve) => {
      const [metadata, options] = [metadataOf(settings), optionsOf(settings)];
      if (isStream) {
        const call = this.#client.makeServerStreamRequest(path, asIs, asIs, request, metadata, options);
        call.on('data', () => undefined);
        call.on('error', () => undefined);
        call.on('status', ({ code }) => resolve(code));
      } else {
        this.#client
          .makeUnaryRequest(path, asIs, asIs, request, metadata, options, () => undefined)
          .on('status', ({ code }) => resolve(code));
      }
    });
  }

  close(): void {
    this.#client.close();
  }

  #method(name: string) {
    const method = this.service[name];
    if (method === undefined) throw new Error(`the service has no method ${name}`);
    return method;
  }
}

const STATUS_PROTOS = ownProtos('google/rpc/status.proto');

interface RichStatus {
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[];
}

const REFLECTION = `
syntax = "proto3";
package grpc.reflection.v1;
service ServerReflection { rpc ServerReflectionInfo(stream Request) returns (stream Response); }
message Request { string list_services = 7; }
message Response { Services list_services_response = 6; }
message Services { repeated Service service = 1; }
message Service { string name = 1; }
`;

/** The services that a server says it has. */
export async function listedServices(address: string, settings: CallSettings = {}): Promise<string[]> {
  const definition = protosOf(REFLECTION)['grpc.reflection.v1.ServerReflection'] as ServiceDefinition;
  const Constructor = makeGenericClientConstructor(definition, 'reflection');
  const client = new Constructor(address, credentials.createInsecure());
  const method = definition['ServerReflectionInfo'];
  if (method === undefined) throw new Error('the text above has no such method');
  const call = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    metadataOf(settings),
    {},
  );
  call.write({ list_services: '*' });
  call.end();
  const names: string[] = [];
  for await (const answer of call) {
    const { list_services_response: list } = answer as {
      list_services_response: { service: { name: string }[] };
    };
    names.push(...list.service.map(({ name }) => name));
  }
  client.close();
  return names;
}

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<GrpcFailure> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof GrpcFailure)) throw new Error('the call was not refused', { cause: outcome });
  return outcome;
}

/** What a call ended with, its details decoded. */
export class GrpcFailure extends Error {
  override readonly name = 'GrpcFailure';
  readonly code: number;
  /** Field and description of each violation. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** States that can follow, where a job's present one does not allow what was asked for. */
  readonly allowed: readonly string[] | undefined;
  /** Seconds after which to try again. */
  readonly retryAfterS: number | undefined;

  constructor(error: ServiceError) {
    super(error.details, { cause: error });
    this.code = error.code;
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    const { details } =
      bytes instanceof Buffer ? decode<RichStatus>('google.rpc.Status', bytes) : { details: [] };
    const detail = <T>(type: string): T | undefined => {
      const any = details.find(({ type_url: url }) => url === `type.googleapis.com/${type}`);
      return any && decode<T>(type, any.value);
    };
    this.violations =
      detail<{ field_violations: GrpcFailure['violations'] }>('google.rpc.BadRequest')?.field_violations ??
      [];
    const info = detail<{ metadata: Record<string, string> }>('google.rpc.ErrorInfo');
    this.allowed = info?.metadata['allowed']?.split(',').filter((state) => state !== '');
    this.retryAfterS = detail<{ retry_delay: { seconds: number } }>('google.rpc.RetryInfo')?.retry_delay
      .seconds;
  }
}

function decode<T>(type: string, bytes: Buffer): T {
  return (STATUS_PROTOS[type] as MessageTypeDefinition<object, object>).deserialize(bytes) as T;
}

function metadataOf({ metadata: entries = {} }: CallSettings): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

function optionsOf({ deadlineMs }: CallSettings): CallOptions {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}
