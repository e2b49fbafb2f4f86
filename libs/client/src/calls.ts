/** The types of calls: which path has which method, what it is given, and what it answers, all read from openapi.json. */
import type { FetchResponse, MaybeOptionalInit } from 'openapi-fetch';
import type { HttpMethod, PathsWithMethod, RequiredKeysOf } from 'openapi-typescript-helpers';
import type { paths } from './generated/openapi.js';

/** What a caller may say of a call beside its parameters and body. */
export interface CallOptions {
  /**
   * Whether sending it twice does no more than sending it once, so that it may be repeated when no answer came. Without it:
   * GET, PUT without If-Match, and whatever has an Idempotency-Key.
   */
  readonly repeatable?: boolean;
}

type Init<Path extends keyof paths, Method extends HttpMethod> = MaybeOptionalInit<paths[Path], Method>;

/** The parameters of a call; left out where none is required. */
export type CallArguments<Path extends keyof paths, Method extends HttpMethod> =
  RequiredKeysOf<NonNullable<Init<Path, Method>>> extends never
    ? [init?: NonNullable<Init<Path, Method>> & CallOptions]
    : [init: NonNullable<Init<Path, Method>> & CallOptions];

/** The body of a successful answer. */
export type Answer<Path extends keyof paths, Method extends HttpMethod> = NonNullable<
  FetchResponse<
    paths[Path][Method & keyof paths[Path]] & Record<string | number, unknown>,
    object,
    'application/json'
  >['data']
>;

/**
 * Calls one route. The path is as openapi.json has it, `/api/v1/jobs/{id}`, and its parameters go into
 * `params: { path, query, header }`.
 * @throws ProblemError, UnreachableError, UnexpectedAnswerError, or the reason of the client's signal
 */
export type Call<Method extends HttpMethod> = <Path extends PathsWithMethod<paths, Method>>(
  path: Path,
  ...init: CallArguments<Path, Method>
) => Promise<Answer<Path, Method>>;

/** Yields the pages of a list, one after the other; see Call. */
export type Pages = <Path extends PathsWithMethod<paths, 'get'>>(
  path: Path,
  ...init: CallArguments<Path, 'get'>
) => AsyncGenerator<Answer<Path, 'get'>>;
