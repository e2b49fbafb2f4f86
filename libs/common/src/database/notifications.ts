/**
 * Hints between processes over Postgres LISTEN/NOTIFY: they cut a poll's wait short and are never needed for
 * correctness, so they are sent without waiting, coalesced under load, and may be lost.
 */
import { EventEmitter } from 'node:events';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import type { DatabaseEnvironment } from '#common/config/environment.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import { HINT_CHANNEL } from './hint-channel.js';
import { WITHOUT_FSYNC } from './job-statements.js';
import { PrismaService } from './prisma.service.js';

/**
 * work: a job may be due, or room for one was made. cancel: a running job (its id follows) should end.
 * types: an executor announced job types. queues: a queue came into being, was changed or deleted. room: a job that counted
 * against the limits of its queue has ended. schedules: one was made or changed.
 * workflows: jobs of workflows ended in a way that others may have to follow.
 * events: jobs changed, and somebody listens. follow: somebody wants to see what a job (its id follows) writes, for a
 * while; output: a job that is followed has written something. keys: an API key was made or revoked.
 */
export type Hint =
  'work' | 'types' | 'queues' | 'room' | 'schedules' | 'workflows' | 'events' | 'keys' | HintAboutJob;
type HintAboutJob = 'cancel' | 'follow' | 'output';
const PLAIN: readonly string[] = [
  'work',
  'types',
  'queues',
  'room',
  'schedules',
  'workflows',
  'events',
  'keys',
] satisfies Hint[];
const ABOUT_JOB: readonly string[] = ['cancel', 'follow', 'output'] satisfies HintAboutJob[];

interface HintEvents {
  work: [];
  cancel: [jobId: string];
  types: [];
  queues: [];
  room: [];
  schedules: [];
  workflows: [];
  events: [];
  follow: [jobId: string];
  output: [jobId: string];
  keys: [];
  /** Listening (again): hints may have been missed, so look for yourself. */
  listening: [];
}

/** How often a quiet connection is checked for life, in milliseconds. */
const CHECK_MS = 5000;

/** Sends hints. */
@Injectable()
export class Notifier {
  /** Hints that wait for the one under way, without repetitions. */
  readonly #pending = new Set<string>();
  #sending = false;

  constructor(private readonly prisma: PrismaService) {}

  /** Returns at once; a hint equal to one that already waits is not sent twice. */
  send(hint: Hint, jobId = ''): void {
    this.#pending.add(jobId === '' ? hint : `${hint}:${jobId}`);
    if (!this.#sending) void this.#sendPending();
  }

  async #sendPending(): Promise<void> {
    this.#sending = true;
    while (this.#pending.size > 0) {
      const hints = [...this.#pending];
      this.#pending.clear();
      // A hint that cannot be sent is no loss: the receivers look for themselves every second.
      await this.prisma
        .query(
          `/* notify */ WITH ${WITHOUT_FSYNC}
           SELECT pg_notify('${HINT_CHANNEL}', hint)::text FROM nosync, unnest($1::text[]) AS hint`,
          hints,
        )
        .catch(() => undefined);
    }
    this.#sending = false;
  }
}

/** Receives hints, on a connection of its own that is renewed whenever it is lost. */
@Injectable()
export class HintListener
  extends EventEmitter<HintEvents>
  implements OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #stop = new AbortController();

  constructor(
    private readonly environment: DatabaseEnvironment,
    private readonly log: Logger,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    void repeat(
      { duty: 'listen for hints', signal: this.#stop.signal, log: this.log, maxBackoffMs: 1000 },
      () => this.#listen(),
    );
  }

  onApplicationShutdown(): void {
    this.#stop.abort();
  }

  /** Listens until the connection is lost, which is an error, or the process ends. */
  async #listen(): Promise<number> {
    const client = new pg.Client({
      connectionString: this.environment.DATABASE_URL,
      application_name: 'triumvir-hints',
      connectionTimeoutMillis: CHECK_MS,
      query_timeout: CHECK_MS,
      keepAlive: true,
    });
    const lost = new Alarm();
    let failure: Error | undefined;
    client.on('error', (error) => {
      failure = error;
      lost.ring();
    });
    client.on('end', () => lost.ring());
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${HINT_CHANNEL}`);
      this.emit('listening');
      while (!this.#stop.signal.aborted) {
        await lost.sleep(CHECK_MS, this.#stop.signal);
        if (failure !== undefined) throw failure;
        await client.query('SELECT 1');
      }
      return 0;
    } finally {
      // A server that no longer answers must not hold up the next try.
      void client.end().catch(() => undefined);
    }
  }

  #receive(payload: string): void {
    const [hint = '', jobId] = payload.split(':');
    if (jobId !== undefined && ABOUT_JOB.includes(hint)) this.emit(hint as HintAboutJob, jobId);
    else if (PLAIN.includes(hint)) this.emit(hint as Exclude<Hint, HintAboutJob>);
  }
}
