/** The job types that have been announced: which exist, who runs them, and what their payloads must look like. */
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { HintListener } from '#common/database/notifications.js';
import type { Json } from '#common/domain/job.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import {
  bounded,
  compilePayloadSchema,
  type JsonSchema,
  type PayloadCheck,
} from '#common/payload/payload-schema.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import { Problem } from '../http/problem.js';
import { invalid } from '../http/validation.js';

const LOOK_EVERY_MS = 5000;
/** No answer lists more than this many fields. */
const MAX_FAULTS = 50;

interface CompiledType {
  /** The schema's text, to tell whether it has changed. */
  readonly source: string;
  /** Workers outside run it, not executors. */
  readonly remote: boolean;
  readonly faults: PayloadCheck;
}

@Injectable()
export class JobTypes implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  #types = new Map<string, CompiledType>();

  constructor(
    private readonly repository: JobTypeRepository,
    private readonly hints: HintListener,
    @InjectLogger() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.hints.on('types', () => this.#alarm.ring()).on('listening', () => this.#alarm.ring());
    void repeat(
      {
        duty: 'read job types',
        signal: this.#stop.signal,
        log: this.log,
        alarm: this.#alarm,
        maxBackoffMs: 1000,
      },
      () => this.#read(),
    );
  }

  onApplicationShutdown(): void {
    this.#stop.abort();
  }

  get known(): string[] {
    return [...this.#types.keys()];
  }

  /** The types of which workers outside may lease jobs. */
  get remote(): string[] {
    return [...this.#types].filter(([, { remote }]) => remote).map(([type]) => type);
  }

  /** Looks at once, for a change that somebody here has made or relies on. */
  async refresh(): Promise<void> {
    await this.#read();
  }

  /**
   * @param prefix path of the job in the request
   * @throws Problem when nobody has announced the type, or the payload does not fit it
   */
  check(type: string, payload: Json, prefix: readonly string[] = []): void {
    if (this.#types.size === 0) {
      throw new Problem(
        'unavailable',
        'No executor has announced its job types yet. Start one, or try again in a moment.',
      );
    }
    const known = this.#types.get(type);
    if (known === undefined) {
      const message = `is not a job type that any executor or worker runs; there are ${this.known.join(', ')}`;
      throw invalid('validation-failed', [
        { field: [...prefix, 'type'].join('.'), message, allowed: this.known },
      ]);
    }
    const faults = known.faults(payload);
    if (faults.length === 0) return;
    throw invalid(
      'validation-failed',
      faults
        .slice(0, MAX_FAULTS)
        .map(({ path, ...fault }) => ({ field: [...prefix, 'payload', ...path].join('.'), ...fault })),
    );
  }

  async #read(): Promise<number> {
    const types = new Map<string, CompiledType>();
    for (const { type, payloadSchema, remote } of await this.repository.list()) {
      const source = JSON.stringify([remote, payloadSchema]);
      const before = this.#types.get(type);
      types.set(
        type,
        before?.source === source
          ? before
          : { source, remote, faults: this.#compile(type, payloadSchema, remote) },
      );
    }
    this.#types = types;
    // Until the first executor has come, look often: somebody is waiting.
    return types.size === 0 ? 500 : LOOK_EVERY_MS;
  }

  /** What is announced has been checked; what cannot be used all the same must not keep the type's jobs out. */
  #compile(type: string, payloadSchema: JsonSchema, remote: boolean): PayloadCheck {
    try {
      const check = compilePayloadSchema(payloadSchema);
      // What executors announce is code that runs here anyway.
      return remote ? bounded(check) : check;
    } catch (error) {
      this.log.warn('payload schema of a job type cannot be used, its payloads are not checked', {
        type,
        error,
      });
      return () => [];
    }
  }
}
