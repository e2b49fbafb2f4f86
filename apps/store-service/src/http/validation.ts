/** Checks what comes in over HTTP against zod schemas, and tells of every field that is wrong. */
import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { Problem, type FieldProblem, type ProblemKind } from './problem.js';

/** No answer lists more than this many fields. */
const MAX_ERRORS = 50;

type Issue = z.core.$ZodIssue;

/** @param prefix path of the field that the schema was applied to */
export function fieldProblems(issues: readonly Issue[], prefix: readonly PropertyKey[] = []): FieldProblem[] {
  return issues.slice(0, MAX_ERRORS).flatMap((issue) => fieldProblem(issue, [...prefix, ...issue.path]));
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

/** A pipe for all routes: schemas stand in `@Body({ schema })`, `@Query({ schema })` and `@Param({ schema })`. */
export function validationPipe(kind: ProblemKind): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => invalid(kind, fieldProblems(issues as readonly Issue[])),
  });
}

export function invalid(kind: ProblemKind, errors: readonly FieldProblem[]): Problem {
  const summary = errors
    .map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
    .join('; ');
  return new Problem(kind, summary, errors);
}
