/** The gRPC server of the store: which services it offers, where it listens, and how it stops. */
import { setTimeout as pause } from 'node:timers/promises';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { loadProtos } from '#common/grpc/protos.js';
import type { Logger } from '#common/logging/logger.js';
import { BATCH_LIMIT_BYTES } from '../http/bodies.js';
import type { Scope } from '#common/domain/access.js';
import type { AccessService } from '../access/access.service.js';
import { guardCalls } from './call-guard.js';
import { implement, type GrpcService } from './calls.js';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly services: readonly GrpcService[];
  /** The .proto files that reflection tells of. */
  readonly protos: readonly string[];
  readonly access: AccessService;
  readonly log: Logger;
}

/** What is under way when the store stops may take this long, in milliseconds. */
const DRAIN_MS = 5000;

const CHANNEL_OPTIONS = {
  // The largest that any method takes; each has a limit of its own (see calls.ts).
  'grpc.max_receive_message_length': BATCH_LIMIT_BYTES,
  'grpc.max_concurrent_streams': 1000,
  // A client whose machine vanished is noticed within 40 s, and one that does nothing for long lets its connection go.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_idle_ms': 10 * 60_000,
};

/**
 * How often, and with which pause in milliseconds, a port is tried that is taken: the usual one, 50051, is among those
 * that systems give to outgoing connections, so that somebody else's connection may hold it for a moment.
 */
const BIND_TRIES = 8;
const BIND_PAUSE_MS = 250;

export class GrpcServer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stopping = new AbortController();
  readonly #server: Server;

  constructor(private readonly options: GrpcServerOptions) {
    const { services, protos, access, log } = options;
    const interceptors = [guardCalls(access, scopesOf(services))];
    this.#server = new Server({ ...CHANNEL_OPTIONS, interceptors });
    const stopping = this.#stopping.signal;
    const whenEnded = access.whenEnded.bind(access);
    for (const service of services) {
      const { definition, implementation } = implement(service, { log, stopping, whenEnded });
      this.#server.addService(definition, implementation);
    }
    new ReflectionService(loadProtos(...protos), {
      services: services.map(({ name }) => name),
    }).addToServer(this.#server);
  }

  /** @throws Error that says what to do when the port cannot be had */
  async onApplicationBootstrap(): Promise<void> {
    const { host, port, log } = this.options;
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const bind = () =>
      new Promise<number | Error>((resolve) => {
        this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, boundPort) =>
          resolve(error ?? boundPort),
        );
      });
    let bound = await bind();
    for (let tries = 1; bound instanceof Error && tries < BIND_TRIES; tries += 1) {
      await pause(BIND_PAUSE_MS);
      bound = await bind();
    }
    if (bound instanceof Error) throw cannotListen(address, bound);
    log.info('gRPC started', { host, port: bound });
  }

  /** Takes no more calls, ends streams with UNAVAILABLE, answers what is under way, and then lets go of all connections. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.options.log.warn('gRPC calls cut off', { afterMs: DRAIN_MS });
        this.#server.forceShutdown();
        resolve();
      }, DRAIN_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** What each method needs, by its path. */
function scopesOf(services: readonly GrpcService[]): ReadonlyMap<string, Scope | 'nothing'> {
  return new Map(
    services.flatMap(({ name, methods }) =>
      Object.entries(methods).map(([method, { scope }]) => [`/${name}/${method}`, scope] as const),
    ),
  );
}

function cannotListen(address: string, cause: Error): Error {
  const why = cause.message.includes('EADDRINUSE') ? 'the port is in use' : cause.message;
  return new Error(
    `gRPC cannot listen on ${address}: ${why}. SERVER_PORT sets the port (0 takes any free one), STORE_SERVICE_HOST the host.`,
    { cause },
  );
}
