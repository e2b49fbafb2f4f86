/** Errors as a client sees them: problem documents after RFC 9457. */
import { z } from 'zod';

const TITLES = {
  'bad-request': 'The request could not be understood',
  'validation-failed': 'The request holds values that are not allowed',
  unauthenticated: 'The request needs an API key',
  forbidden: 'The request is not allowed',
  'not-found': 'There is no such thing',
  conflict: 'The state of the thing does not allow it',
  'precondition-failed': 'The thing has changed since it was looked at',
  'payload-too-large': 'The request is too large',
  'unsupported-media-type': 'The body is not JSON',
  'method-not-allowed': 'The method is not allowed here',
  'too-many-requests': 'There were too many requests',
  unavailable: 'The service cannot do this just now',
  internal: 'Something went wrong in the service',
} as const;

export type ProblemKind = keyof typeof TITLES;

export const PROBLEM_KINDS = Object.keys(TITLES) as [ProblemKind, ...ProblemKind[]];

export const fieldProblemSchema = z
  .object({
    field: z
      .string()
      .describe('Path of the field, such as `payload.command`; empty for the body as a whole.'),
    message: z.string().describe('What is wrong with it.'),
    allowed: z
      .array(z.union([z.string(), z.number()]))
      .readonly()
      .optional()
      .describe('What would have been accepted, where that can be listed.'),
  })
  .readonly()
  .meta({ id: 'FieldProblem', description: 'What was wrong with one field of the request.' });

/** What was wrong with one field of the request. */
export type FieldProblem = z.output<typeof fieldProblemSchema>;

export const problemSchema = z
  .object({
    type: z
      .enum(PROBLEM_KINDS.map((kind) => `urn:triumvir:problem:${kind}` as const))
      .describe('A stable name of the kind of problem, for programs.'),
    title: z.string().describe('The kind of problem, for people.'),
    status: z.int().describe('The HTTP status.'),
    detail: z.string().describe('What happened, and what to do.'),
    instance: z.string().describe('The request that it is about: its path and query.'),
    errors: z
      .array(fieldProblemSchema)
      .readonly()
      .optional()
      .describe('The fields that were wrong, 50 at most.'),
  })
  .readonly()
  .meta({ id: 'Problem', description: 'Why a request was refused, or could not be done (RFC 9457).' });

export type ProblemDocument = z.output<typeof problemSchema>;

const STATUS: Record<ProblemKind, number> = {
  'bad-request': 400,
  'validation-failed': 422,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'precondition-failed': 412,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'method-not-allowed': 405,
  'too-many-requests': 429,
  unavailable: 503,
  internal: 500,
};

/** The kind of problem that is answered with this status. */
export function kindOfStatus(status: number): ProblemKind {
  return PROBLEM_KINDS.find((kind) => STATUS[kind] === status) ?? (status < 500 ? 'bad-request' : 'internal');
}

/** Thrown anywhere behind a controller; the filter turns it into a problem document. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly kind: ProblemKind,
    /** A sentence for a person: what happened, and what to do. */
    readonly detail: string,
    readonly errors: readonly FieldProblem[] = [],
    /** Headers that the answer has, beside those of every problem. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
  }

  /** The same, said of one of several things in a request. @param place such as `jobs.3` */
  about(place: string): Problem {
    return new Problem(this.kind, `${place}: ${this.detail}`, this.errors, this.headers);
  }

  get status(): number {
    return STATUS[this.kind];
  }

  toDocument(instance: string): ProblemDocument {
    const { kind, status, detail, errors } = this;
    return {
      type: `urn:triumvir:problem:${kind}`,
      title: TITLES[kind],
      status,
      detail,
      instance,
      ...(errors.length > 0 ? { errors } : {}),
    };
  }
}
