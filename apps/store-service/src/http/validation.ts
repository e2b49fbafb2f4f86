/** Checks what comes in over HTTP against zod schemas, and tells of every field that is wrong. */
import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { Problem, type FieldProblem, type ProblemKind } from './problem.js';

/** No answer lists more than this many fields. */
const MAX_ERRORS = 50;

type Issue = z.core.$ZodIssue;

/** @param prefix path of the field that the schema was applied to */
export function fieldProblems(issues: readonly Issue[], prefix: readonly PropertyKey[] = []): FieldProblem[] {
  const problems = issues
    .slice(0, MAX_ERRORS)
    .flatMap((issue) => fieldProblem(issue, [...prefix, ...issue.path]));
  return problems.slice(0, MAX_ERRORS);
}

function fieldProblem(issue: Issue, path: readonly PropertyKey[]): FieldProblem[] {
  const field = path.map(String).join('.');
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        field: [...path, key].map(String).join('.'),
        message: 'is not a known field',
      }));
    case 'invalid_value':
      return [
        {
          field,
          message: `must be one of ${issue.values.map(String).join(', ')}`,
          allowed: issue.values.map((value) => (typeof value === 'number' ? value : String(value))),
        },
      ];
    case 'invalid_type':
      return [
        {
          field,
          message:
            issue.input === undefined ? `is required (${issue.expected})` : `must be ${issue.expected}`,
        },
      ];
    case 'invalid_union': {
      // The alternative that came closest says most about what is wrong.
      const [closest] = issue.errors.toSorted((a, b) => a.length - b.length);
      return closest === undefined ? [{ field, message: issue.message }] : fieldProblems(closest, path);
    }
    default:
      return [{ field, message: issue.message }];
  }
}

/** Applies the zod schema that stands in `@Body({ schema })`, `@Query({ schema })` or `@Param({ schema })`. */
export class ValidationPipe implements PipeTransform {
  /** @param kind what a request that does not fit is answered with */
  constructor(private readonly kind: ProblemKind) {}

  transform(value: unknown, { schema }: ArgumentMetadata): unknown {
    if (!(schema instanceof z.ZodType)) throw new Error('a route has no schema for what it takes');
    return checked(schema, value, this.kind);
  }
}

/** @throws Problem of `kind` that names what does not fit, with `prefix` as the path of the value itself */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  kind: ProblemKind,
  prefix: readonly string[] = [],
): z.output<Schema> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw invalid(kind, fieldProblems(parsed.error.issues, prefix));
  return parsed.data;
}

export function invalid(kind: ProblemKind, errors: readonly FieldProblem[]): Problem {
  const summary = errors
    .map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
    .join('; ');
  return new Problem(kind, summary, errors);
}

/** The problem of a request whose Idempotency-Key belongs to another one. */
export function usedIdempotencyKey(): Problem {
  const message = 'has been used for another request; take a new key for each request';
  return invalid('validation-failed', [{ field: 'Idempotency-Key', message }]);
}
