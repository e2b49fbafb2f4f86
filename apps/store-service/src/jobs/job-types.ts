/** The job types that executors have announced: which exist, and what their payloads must look like. */
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { z } from 'zod';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { HintListener } from '#common/database/notifications.js';
import type { Json } from '#common/domain/job.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import { Problem } from '../http/problem.js';
import { fieldProblems, invalid } from '../http/validation.js';

const LOOK_EVERY_MS = 5000;

interface CompiledType {
  /** The schema's text, to tell whether it has changed. */
  readonly source: string;
  readonly payload: z.ZodType;
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

  /**
   * @param prefix path of the job in the request
   * @throws Problem when no executor has announced the type, or the payload does not fit it
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
      const message = `is not a job type that any executor runs; there are ${this.known.join(', ')}`;
      throw invalid('validation-failed', [
        { field: [...prefix, 'type'].join('.'), message, allowed: this.known },
      ]);
    }
    const parsed = known.payload.safeParse(payload, { reportInput: true });
    if (!parsed.success)
      throw invalid('validation-failed', fieldProblems(parsed.error.issues, [...prefix, 'payload']));
  }

  async #read(): Promise<number> {
    const types = new Map<string, CompiledType>();
    for (const { type, payloadSchema } of await this.repository.list()) {
      const source = JSON.stringify(payloadSchema);
      const before = this.#types.get(type);
      types.set(
        type,
        before?.source === source ? before : { source, payload: z.fromJSONSchema(payloadSchema) },
      );
    }
    this.#types = types;
    // Until the first executor has come, look often: somebody is waiting.
    return types.size === 0 ? 500 : LOOK_EVERY_MS;
  }
}
