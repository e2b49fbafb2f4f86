/** One attempt at one job, from the handler's start to an outcome. It never throws. */
import { z } from 'zod';
import type { JobError, Json, StartedJob } from '#common/domain/job.js';
import type { Outcome } from '#common/domain/outcome.js';
import type { Progress } from '#common/domain/progress.js';
import { MAX_RETRY_DELAY_MS } from '#common/domain/retry-policy.js';
import type { Parent } from '#common/domain/workflow.js';
import { JobFailure, Snooze, WorkLost, type Handler, type HandlerContext } from './handlers/handler.js';
import type { OutputCapture } from './handlers/output-capture.js';
import type { ProgressBoard } from './progress-board.js';

/** Why an attempt is asked to end. */
export type StopReason = 'timeout' | 'cancelled' | 'shutdown' | 'lease lost';

/** Longest result that is kept, in characters of JSON. */
const MAX_RESULT = 262_144;
/** NUL and halves of surrogate pairs, as JSON.stringify writes them, after an even number of backslashes. */
const UNSTORABLE_ESCAPE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;
/** Longest error message that is kept, in characters. */
const MAX_MESSAGE = 10_000;
/** Longest message about progress that is kept, in characters. */
const MAX_PROGRESS_MESSAGE = 200;

export class Attempt {
  /** Made when the handler asks for its signal, or is to be stopped: most handlers need neither. */
  #controller: AbortController | undefined;
  #stopReason: StopReason | undefined;
  /** Gives a handler up that has been asked to end and ignores it; its code may go on. */
  #abandon: ((error: Error) => void) | undefined;

  /** What it told last of its progress. */
  #told: Progress | undefined;

  constructor(
    readonly job: StartedJob,
    private readonly handler: Handler | undefined,
    readonly output: OutputCapture,
    readonly killGraceMs: number,
    /** Whether the lease under which the attempt was started has stood ever since. */
    private readonly isStillOurs: () => boolean,
    /** Looks up what the job depends on. */
    private readonly readParents: (jobId: string) => Promise<readonly Parent[]>,
    private readonly board: ProgressBoard,
  ) {}

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  async parents(): Promise<readonly Parent[]> {
    return this.job.hasParents === true ? this.readParents(this.job.id) : [];
  }

  /** Asks the handler to end. The first reason counts. */
  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.#controller?.abort(new Error(`the attempt was stopped: ${reason}`));
    const abandon = this.#abandon;
    if (abandon === undefined) return;
    const give = () => abandon(new Error('the handler did not end when asked to'));
    setTimeout(give, this.killGraceMs + ABANDON_MS).unref();
  }

  /** Takes note of how far the handler is; what says nothing new costs nothing. */
  progress(percent: number, message?: string): void {
    const { id: jobId, delivery, attempt } = this.job;
    const told = {
      jobId,
      delivery,
      attempt,
      percent: Number.isFinite(percent) ? Math.round(Math.min(Math.max(percent, 0), 100) * 100) / 100 : 0,
      message: message === undefined ? null : text(message.slice(0, MAX_PROGRESS_MESSAGE)),
    };
    if (told.percent === this.#told?.percent && told.message === this.#told.message) return;
    this.#told = told;
    this.board.tell(told);
  }

  /** A handler that answers at once has its outcome at once, without a turn of the event loop. */
  run(): Outcome | Promise<Outcome> {
    const { job, handler } = this;
    // Some other executor of the queue may have the handler: leave the job to it.
    if (handler === undefined) return { kind: 'snoozed', delayMs: NO_HANDLER_DELAY_MS };
    // Asked to end while it waited for its turn, or this process was paused and others may have taken the job.
    if (!this.isStillOurs()) this.stop('lease lost');
    if (this.#stopReason !== undefined) return this.#outcomeOf(undefined);
    try {
      const result = handler.run(job.payload, new AttemptContext(this));
      return isPromise(result) ? this.#settle(result) : { kind: 'succeeded', result: storable(result) };
    } catch (error) {
      return this.#outcomeOf(error);
    }
  }

  async #settle(running: Promise<Json | void>): Promise<Outcome> {
    const timer = setTimeout(() => this.stop('timeout'), this.job.timeoutMs);
    try {
      const result = await new Promise<Json | void>((resolve, reject) => {
        this.#abandon = reject;
        running.then(resolve, reject);
      });
      return { kind: 'succeeded', result: storable(result) };
    } catch (error) {
      return this.#outcomeOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #outcomeOf(error: unknown): Outcome {
    switch (this.#stopReason) {
      case 'timeout':
        return {
          kind: 'timed_out',
          error: { name: 'Timeout', message: `did not end within its timeout of ${this.job.timeoutMs} ms` },
        };
      case 'cancelled':
        return { kind: 'cancelled' };
      case 'shutdown':
      case 'lease lost':
        return { kind: 'interrupted' };
      case undefined:
        break;
      default:
        throw new Error(`unknown stop reason ${String(this.#stopReason satisfies never)}`);
    }
    if (error instanceof Snooze) return { kind: 'snoozed', delayMs: wait(error.delayMs) };
    if (error instanceof WorkLost) return { kind: 'lost', error: describe(error) };
    if (error instanceof JobFailure) {
      const { retryAfterMs, ...options } = error.options;
      return {
        kind: 'failed',
        error: storableError(error.error),
        ...options,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs: wait(retryAfterMs) }),
      };
    }
    if (error instanceof z.ZodError) {
      return {
        kind: 'failed',
        final: true,
        error: { name: 'InvalidPayload', message: z.prettifyError(error) },
      };
    }
    return { kind: 'failed', error: describe(error) };
  }
}

/** What the handler sees of its attempt. */
class AttemptContext implements HandlerContext {
  readonly #attempt: Attempt;
  readonly jobId: string;
  readonly attempt: number;
  readonly output: OutputCapture;
  readonly killGraceMs: number;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
    this.jobId = attempt.job.id;
    this.attempt = attempt.job.attempt;
    this.output = attempt.output;
    this.killGraceMs = attempt.killGraceMs;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  parents(): Promise<readonly Parent[]> {
    return this.#attempt.parents();
  }

  /** Handlers may take it out of the context. */
  get progress(): HandlerContext['progress'] {
    return (percent, message) => this.#attempt.progress(percent, message);
  }
}

/** How long a job waits that reached an executor without its handler, in milliseconds. */
const NO_HANDLER_DELAY_MS = 2000;
/** How much longer than the kill grace a handler is waited for, in milliseconds. */
const ABANDON_MS = 1000;

function isPromise(result: Json | void | Promise<Json | void>): result is Promise<Json | void> {
  return (
    typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function'
  );
}

function describe(error: unknown): JobError {
  if (!(error instanceof Error)) return { name: 'Error', message: text(String(error)) };
  return { name: error.name, message: text(error.message) };
}

/** What Postgres can store as text. */
function text(message: string): string {
  return message.slice(0, MAX_MESSAGE).toWellFormed().replaceAll('\0', '\uFFFD');
}

/** The result as Postgres can store it; nothing returned is null. @throws JobFailure when it is too large or no JSON */
function storable(result: Json | void): Json {
  if (result === undefined || result === null) return null;
  let written: string | undefined;
  try {
    written = JSON.stringify(result);
  } catch (cause) {
    throw unstorable(`the handler returned what is no JSON: ${describe(cause).message}`);
  }
  if (written === undefined) throw unstorable('the handler returned what is no JSON');
  if (written.length > MAX_RESULT)
    throw unstorable(`the handler returned more than ${MAX_RESULT} characters`);
  return JSON.parse(written.replaceAll(UNSTORABLE_ESCAPE, '$1\\ufffd')) as Json;
}

/** A wait that a timestamp can express. */
function wait(ms: number): number {
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_DELAY_MS) : MAX_RETRY_DELAY_MS;
}

function storableError({ name, message, details }: JobError): JobError {
  return {
    name: text(name),
    message: text(message),
    ...(details === undefined ? {} : { details: storable(details) as NonNullable<JobError['details']> }),
  };
}

function unstorable(message: string): JobFailure {
  return new JobFailure({ name: 'InvalidResult', message }, { final: true });
}
