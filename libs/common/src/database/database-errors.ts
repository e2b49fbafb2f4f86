/** What went wrong in Postgres, in terms that callers can act on. */
import { Prisma } from './generated/client.js';

/**
 * Thrown when Postgres cannot be reached, refuses us, is going down, or did not answer in time. It passes; whether the
 * statement took effect is unknown.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  /** Whether it is there, as far as we know, but all connections were busy or the statement took too long. */
  readonly tooSlow: boolean;

  constructor(cause: unknown) {
    const tooSlow = isTimeout(cause);
    super(tooSlow ? 'Postgres did not answer in time' : 'Postgres cannot be reached or is not ready', {
      cause,
    });
    this.tooSlow = tooSlow;
  }
}

/** SQLSTATE classes that speak of the server's condition: connection, authorisation, no such database, resources, intervention, system; and read-only. */
const SERVER_CONDITION = /^(08|28|3D|53|57|58|25006)/;
/** SQLSTATE classes that speak of the values given: data exception, constraint violation. */
const VALUE_FAULT = /^(22|23)/;

/** SQLSTATEs of what took too long: a statement, and a transaction whose process did not go on with it. */
const TOO_SLOW: readonly (string | undefined)[] = ['57014', '25P03'];
/** Prisma's own code for a transaction that got no connection in time, or took too long. */
const TRANSACTION_TIMEOUT = 'P2028';
/** What the driver says, which has no codes for it: no connection free, or made, or no answer on one, in time. */
const DRIVER_TIMEOUT =
  /^(timeout exceeded when trying to connect|timeout expired|Query read timeout)$|due to connection timeout/;

function isTimeout(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError)
    return error.code === TRANSACTION_TIMEOUT || TOO_SLOW.includes(sqlState(error));
  return error instanceof Error && DRIVER_TIMEOUT.test(error.message);
}

/** The SQLSTATE that Postgres gave, or undefined when the error did not come from Postgres. */
function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return undefined;
  const adapterError = error.meta?.['driverAdapterError'] as
    { cause?: { originalCode?: string } } | undefined;
  return adapterError?.cause?.originalCode;
}

export function isUnavailable(error: unknown): boolean {
  // Wrong use of Prisma is a defect of ours, whatever the state of the server.
  if (error instanceof Prisma.PrismaClientValidationError) return false;
  const state = sqlState(error);
  // Without a SQLSTATE the statement never got an answer: refused, cut off or timed out.
  return state === undefined || SERVER_CONDITION.test(state) || TOO_SLOW.includes(state);
}

export function isDeadlock(error: unknown): boolean {
  return sqlState(error) === '40P01';
}

/** Another row has what only one may have. */
export function isUniqueConflict(error: unknown): boolean {
  return sqlState(error) === '23505';
}

/** True when the error is the fault of a value that a statement was given, so another value might have succeeded. */
export function isValueFault(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && VALUE_FAULT.test(state);
}
