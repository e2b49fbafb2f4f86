/**
 * What a handler is: the code that runs one job type. To add a type, put a file `<type>.handler.js` into the folder that
 * EXECUTOR_HANDLERS names (or, for one that comes with the executor, into this one). Its default export is made by
 * `defineHandler`, which other code imports from 'triumvir/handler', or is a plain object of the same shape:
 *
 *     export default defineHandler({
 *       type: 'greet',
 *       payload: z.strictObject({ name: z.string().min(1) }),
 *       run: ({ name }, { output }) => { output.out(`Hello, ${name}\n`); return { greeted: name }; },
 *     });
 */
import { z } from 'zod';
import type { JobError, Json } from '#common/domain/job.js';
import type { Parent } from '#common/domain/workflow.js';
import { compilePayloadSchema, type JsonSchema } from '#common/payload/payload-schema.js';
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
  /**
   * Tells how far the work is, 0 to 100, and what it is at. Costs nothing to call often: the latest is shown with the job,
   * about once a second.
   */
  readonly progress: (percent: number, message?: string) => void;
}

type Returned = Promise<Json | void> | Json | void;

export interface Handler {
  readonly type: string;
  /**
   * Checked when a job is submitted and again before it is run: a zod schema, or a JSON Schema. Executors announce it as
   * JSON Schema.
   */
  readonly payload: z.ZodType | JsonSchema;
  /** Resolves with the job's result; throws when it failed. */
  readonly run: (payload: unknown, context: HandlerContext) => Returned;
}

export interface HandlerDefinition<Payload, Schema> {
  readonly type: string;
  readonly payload: Schema;
  readonly run: (payload: Payload, context: HandlerContext) => Returned;
}

/** Marks handlers that check their payload themselves, also those that another copy of this module has made. */
const CHECKS_PAYLOAD = Symbol.for('triumvir.handler.checks-payload');

/** @throws Error when the schema is none, or says what JSON Schema cannot express */
export function defineHandler<Schema extends z.ZodType>(
  definition: HandlerDefinition<z.output<Schema>, Schema>,
): Handler;
export function defineHandler(definition: HandlerDefinition<Json, JsonSchema>): Handler;
export function defineHandler({
  type,
  payload,
  run,
}: HandlerDefinition<never, z.ZodType | JsonSchema>): Handler {
  const check = isZod(payload) ? (input: unknown) => payload.parse(input) as never : checkedBy(payload);
  const handler = {
    type,
    payload,
    run: (input: unknown, context: HandlerContext) => run(check(input), context),
  };
  return Object.defineProperty(handler, CHECKS_PAYLOAD, { value: true });
}

/** A handler that was written as a plain object, made to check its payload too. */
export function checkingPayload(handler: Handler): Handler {
  return CHECKS_PAYLOAD in handler ? handler : defineHandler(handler as HandlerDefinition<Json, JsonSchema>);
}

/** What is announced to the store. */
export function payloadSchemaOf({ payload }: Handler): JsonSchema {
  return isZod(payload) ? (z.toJSONSchema(payload, { io: 'input' }) as JsonSchema) : payload;
}

/** Handlers of one's own may come with a zod of their own. */
function isZod(schema: z.ZodType | JsonSchema): schema is z.ZodType {
  return '_zod' in schema;
}

function checkedBy(schema: JsonSchema): (input: unknown) => never {
  const faultsOf = compilePayloadSchema(schema);
  return (input) => {
    const faults = faultsOf(input);
    if (faults.length === 0) return input as never;
    const message = faults.map(
      ({ path, message }) => `payload${path.map((part) => `.${part}`).join('')}: ${message}`,
    );
    throw new JobFailure({ name: 'InvalidPayload', message: message.join('\n') }, { final: true });
  };
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
