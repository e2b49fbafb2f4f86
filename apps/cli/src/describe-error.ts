/** What a person reads on stderr when a command failed: what is wrong, and what to do about it. */
import { InterruptedError, UsageError } from './exit-codes.js';
import { ProblemError, UnexpectedAnswerError, UnreachableError, type FieldFault } from '#client/errors.js';
import { oneLine } from './text.js';

export function describeError(error: unknown): string {
  return linesOf(error)
    .map((line) => `${line}\n`)
    .join('');
}

function linesOf(error: unknown): string[] {
  if (error instanceof UsageError) return error.message.split('\n').map((line) => `error: ${line}`);
  if (error instanceof ProblemError && error.status === 401)
    return [
      `error: ${oneLine(error.message)}`,
      'Set TRIUMVIR_API_KEY, name a file with --api-key-file, or keep a key in a profile: `triumvir config set-profile`.',
    ];
  if (error instanceof ProblemError)
    // The message of a refusal with faults is their summary.
    return error.faults.length > 0
      ? error.faults.map((fault) => `error: ${faultLine(fault)}`)
      : [`error: ${oneLine(error.message)}`];
  if (error instanceof UnreachableError) {
    return [
      `error: ${error.message}`,
      'Is it running? `make start` starts it here; --url or STORE_SERVICE_URL says where else it is. `triumvir doctor` looks closer.',
    ];
  }
  if (error instanceof UnexpectedAnswerError) {
    return [
      `error: ${error.message}`,
      'Does --url (or STORE_SERVICE_URL) name a Triumvir store of this version?',
    ];
  }
  if (error instanceof InterruptedError) return ['interrupted; jobs that were submitted go on'];
  // Anything else is a fault of this program: whoever reports it needs to know where it came from.
  return [`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
}

function faultLine({ field, message, allowed }: FieldFault): string {
  return oneLine(`${field}: ${message}${allowed === undefined ? '' : ` (allowed: ${allowed.join(', ')})`}`);
}
