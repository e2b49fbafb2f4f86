/** grpc.health.v1.Health: what GET /health/ready says, for orchestrators and clients that ask over gRPC. */
import { Inject, Injectable } from '@nestjs/common';
import { protoPath } from 'grpc-health-check';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { READINESS_CHECKS, runChecks, type ReadinessCheck } from '#common/health/health.controller.js';
import { Alarm } from '#common/runtime/alarm.js';
import { Problem } from '../http/problem.js';
import { stream, unary, type Call, type GrpcService } from './calls.js';

interface Request {
  readonly service?: string;
}

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

const LOOK_EVERY_MS = 1000;
export const HEALTH_PROTO = protoPath;
const NAME = 'grpc.health.v1.Health';

@Injectable()
export class HealthGrpcService {
  readonly service: GrpcService = {
    name: NAME,
    definition: serviceOf(loadProtos(HEALTH_PROTO), NAME),
    methods: {
      Check: unary('nothing', (request: Request) => this.#check(request)),
      Watch: stream('nothing', (request: Request, call) => this.#watch(request, call)),
      List: unary('nothing', () => this.#list()),
    },
  };

  /** Names of the services that are offered; the empty one is the whole server. */
  #names: readonly string[] = [''];

  constructor(@Inject(READINESS_CHECKS) private readonly checks: readonly ReadinessCheck[]) {}

  /** What is asked about by name has to be known. All of them can do their work, or none. */
  knows(names: readonly string[]): void {
    this.#names = ['', ...names];
  }

  async #check({ service: name = '' }: Request): Promise<{ status: ServingStatus }> {
    if (!this.#names.includes(name))
      throw new Problem(
        'not-found',
        `There is no service ${name} here; there are ${this.#names.slice(1).join(', ')}.`,
      );
    return { status: await this.#status() };
  }

  async *#watch(
    { service: name = '' }: Request,
    { signal }: Call,
  ): AsyncGenerator<{ status: ServingStatus }> {
    const alarm = new Alarm();
    const known = this.#names.includes(name);
    let last: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = known ? await this.#status() : 'SERVICE_UNKNOWN';
      if (status !== last) yield { status };
      last = status;
      await alarm.sleep(LOOK_EVERY_MS, signal);
    }
  }

  async #list(): Promise<object> {
    const status = await this.#status();
    return { statuses: Object.fromEntries(this.#names.map((name) => [name, { status }])) };
  }

  async #status(): Promise<ServingStatus> {
    return (await runChecks(this.checks)).status === 'ok' ? 'SERVING' : 'NOT_SERVING';
  }
}
