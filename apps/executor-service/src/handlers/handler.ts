/**
 * What a handler is: the code that runs one job type. To add a type, put a file `<type>.handler.js` into the folder that
 * EXECUTOR_HANDLERS names (or, for one that comes with the executor, into this one), with a default export made by
 * `defineHandler`, which other code imports from 'triumvir/handler':
 *
 *     export default defineHandler({
 *       type: 'greet',
 *       payload: z.strictObject({ name: z.string().min(1) }),
 *       run: ({ name }, { output }) => { output.out(`Hello, ${name}\n`); return { greeted: name }; },
 *     });
 */
import type { z } from 'zod';
import type { JobError, Json } from '#common/domain/job.js';
import type { Parent } from '#common/domain/workflow.js';
import type { OutputCapture } from './output-capture.js';

export interface HandlerContext {
  readonly jobId: string;
  /** The first is 1. Together with jobId it names this run; jobId alone is the key for effects that must happen once. */
  readonly attempt: number;
  /** Aborted when the handler should stop: time-out, cancellation or shutdown. */
  readonly signal: AbortSignal;
  /** How long something may take to end after `signal` before it is ended by force, in milliseconds. */
  readonly killGraceMs: number;
  /** What is written here is kept with the job and shown by its output endpoint. */
  readonly output: OutputCapture;
  /**
   * The jobs that this one depends on, with their results; none outside of a workflow. They are looked up when asked for.
   * Of results that are too large together (4 MiB) some are left out, and marked.
   * @throws when Postgres cannot be reached
   */
  parents(): Promise<readonly Parent[]>;
}

export interface Handler {
  readonly type: string;
  /** Checked when a job is submitted (as JSON Schema) and again before it is run. */
  readonly payload: z.ZodType;
  /** Resolves with the job's result; throws when it failed. */
  readonly run: (payload: unknown, context: HandlerContext) => Promise<Json | void> | Json | void;
}

export interface HandlerDefinition<Schema extends z.ZodType> {
  readonly type: string;
  readonly payload: Schema;
  readonly run: (payload: z.output<Schema>, context: HandlerContext) => Promise<Json | void> | Json | void;
}

export function defineHandler<Schema extends z.ZodType>(definition: HandlerDefinition<Schema>): Handler {
  const { type, payload, run } = definition;
  return { type, payload, run: (input, context) => run(payload.parse(input), context) };
}

/** Thrown by a handler to say more about a failure than an ordinary error can. */
export class JobFailure extends Error {
  override readonly name = 'JobFailure';

  constructor(
    readonly error: JobError,
    /** `final`: trying again is of no use. `retryAfterMs`: when to try again, whatever the job's policy says. */
    readonly options: { readonly final?: boolean; readonly retryAfterMs?: number } = {},
  ) {
    super(error.message);
  }
}

/** Thrown by a handler that wants to be called again later; the attempt is not counted. */
export class Snooze extends Error {
  override readonly name = 'Snooze';

  constructor(readonly delayMs: number) {
    super(`call again in ${delayMs} ms`);
  }
}

/** Thrown by a handler that lost sight of what it had started: what becomes of the job is said by its `onLost`. */
export class WorkLost extends Error {
  override readonly name = 'WorkLost';
}
