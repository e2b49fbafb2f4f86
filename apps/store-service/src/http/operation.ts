/**
 * What a route promises, for people and programs. `@Operation(submitJob)` on a controller's method puts it into the API's
 * document. Parameters and bodies are not told here: the document takes them from the schemas that check them, and the
 * compiler holds what the method returns against the schema of the answer.
 */
import 'reflect-metadata';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import type { TagName } from '../openapi/tags.js';
import type { ProblemKind } from './problem.js';

/** What a method may return where `Value` is promised: the same, of which nothing will be changed. */
export type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value;

/** A body as its schema describes it. */
export type View<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>;

export interface AnswerOptions {
  /** When this is the answer. */
  readonly description: string;
  /** Absent where the body is no JSON. */
  readonly schema?: z.ZodType;
  /** Of the body; for other media types than JSON its text. */
  readonly example?: Json;
  /** Default application/json. */
  readonly mediaType?: string;
  /** Other media types that the body may have, each with an example. */
  readonly orAs?: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
  /** What each header of the answer tells. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface OperationOptions {
  /** Unique, and a name for functions in clients: `submitJob`. Never changed once published. */
  readonly id: string;
  readonly tag: TagName;
  /** A few words, as in a table of contents. */
  readonly summary: string;
  /** What else there is to know: meaning, units, limits, what happens on repetition. */
  readonly description?: string;
  /** Values of an example request. The path has examples of its own, in its schemas. */
  readonly example?: {
    readonly query?: Readonly<Record<string, Json>>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Json;
  };
  /** Request headers that the method reads itself. */
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  /** Schema of the body where the parameter's own one cannot be shown. */
  readonly body?: z.ZodType;
  /** Other media types that the body may have, each with an example. */
  readonly alsoAccepts?: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
  readonly answers: Readonly<Record<number, AnswerOptions>>;
  /** Refusals beyond those that every route of its shape has, with when they happen. */
  readonly problems?: { readonly [Kind in ProblemKind]?: string };
  /** Answers without Postgres and ZooKeeper, so it never says that they are away. */
  readonly standalone?: boolean;
}

/** Whatever the bodies of the answers are, by their schemas; one that has other media types too may be written as a stream. */
type BodyOf<Options extends OperationOptions> = {
  [Status in keyof Options['answers']]: Options['answers'][Status] extends {
    readonly schema: infer Schema extends z.ZodType;
  }
    ? View<Schema> | (Options['answers'][Status] extends { readonly orAs: object } ? Readable : never)
    : unknown;
}[keyof Options['answers']];

type DescribedMethod<Body> = <Method extends (...args: never[]) => Promise<Body> | Body>(
  prototype: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

const OPERATION = Symbol('operation');

/** Describes a route. */
export function Operation<const Options extends OperationOptions>(
  options: Options,
): DescribedMethod<BodyOf<Options>> {
  return (_prototype, _name, { value }) => {
    if (value !== undefined) Reflect.defineMetadata(OPERATION, options, value);
  };
}

/** What was said of a controller's method. */
export function operationOf(method: object): OperationOptions | undefined {
  return Reflect.getMetadata(OPERATION, method) as OperationOptions | undefined;
}
