/**
 * What the exit code of `triumvir` tells a script. The numbers are a promise: they are in --help, and scripts branch on them.
 */
import { CommanderError } from 'commander';
import { ProblemError, UnexpectedAnswerError, WaitTimedOutError } from '#client/errors.js';

export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  waitTimedOut: 3,
  notAuthorised: 4,
  jobNotSucceeded: 5,
  notFoundOrConflict: 6,
  /** 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const EXIT_CODES_HELP = `
Exit codes:
  0  ok
  1  failure: the store cannot be reached, or broke
  2  usage, or input that the store refuses
  3  the wait timed out
  4  not authorised
  5  a job did not succeed
  6  not found, or in conflict with the state of the job
`;

/** Input that is refused before any request is made. The message may have several lines, one for each fault. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The reason everything ends after Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ProblemError) return exitCodeOfStatus(error.status);
  // Something before the store wants to know who asks. Any other status of a stranger says nothing about what was asked for.
  if (error instanceof UnexpectedAnswerError && (error.status === 401 || error.status === 403))
    return ExitCode.notAuthorised;
  if (error instanceof UsageError) return ExitCode.usage;
  if (error instanceof WaitTimedOutError) return ExitCode.waitTimedOut;
  if (error instanceof InterruptedError) return ExitCode.interrupted;
  // Commander ends with code 0 after --help and --version, and with 1 for every usage error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  return ExitCode.failure;
}

function exitCodeOfStatus(status: number): ExitCode {
  switch (status) {
    case 401:
    case 403:
      return ExitCode.notAuthorised;
    case 404:
    case 409:
    case 410:
    case 412:
      return ExitCode.notFoundOrConflict;
    case 408:
    case 429:
      return ExitCode.failure;
    default:
      return status >= 400 && status < 500 ? ExitCode.usage : ExitCode.failure;
  }
}
