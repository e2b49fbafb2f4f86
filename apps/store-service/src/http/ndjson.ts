/** One JSON text a line (NDJSON): bodies that are read, and answers that are written, while they are still under way. */
import { on } from 'node:events';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { Problem } from './problem.js';
import { invalid } from './validation.js';

export const NDJSON = 'application/x-ndjson';

/** How long a body may take to come, in milliseconds: less than Node gives it, which would end it without a word that can be read. */
const WITHIN_MS = 25_000;
/** Pieces of a body that are kept for a reader who is slower than they come. A piece is what one read of the connection gave. */
const PIECES_AHEAD = 4;

export interface Line {
  /** The first is 1; blank ones count. */
  readonly number: number;
  readonly text: string;
}

export interface BodyLimits {
  readonly bytes: number;
  /** In milliseconds, default 25 s. */
  readonly withinMs?: number;
}

/**
 * The lines of a body as they come, those of each piece of it together, without blank ones. What nobody reads of it any more
 * is let pass, so that its sender gets to reading the answer.
 * @throws Problem when it is too large, breaks off, or takes too long
 */
export async function* linesOf(
  body: Readable,
  { bytes: most, withinMs = WITHIN_MS }: BodyLimits,
): AsyncGenerator<Line[], void> {
  const tooLate = AbortSignal.timeout(withinMs);
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  let number = 0;
  let unfinished = '';
  const complete = (text: string): Line[] => {
    // A long line grows piece by piece, and must not be searched again with each.
    const texts = text.includes('\n') ? (unfinished + text).split('\n') : [unfinished + text];
    unfinished = texts.pop() ?? '';
    const lines = texts.map((line) => ({ number: (number += 1), text: line }));
    return lines.filter((line) => line.text.trim() !== '');
  };
  try {
    if (body.destroyed) throw brokenOff();
    const options = { close: ['end', 'close'], highWaterMark: PIECES_AHEAD, signal: tooLate };
    for await (const arrived of on(body, 'data', options)) {
      const [piece] = arrived as [Buffer];
      bytes += piece.length;
      if (bytes > most) throw tooLarge(most);
      const lines = complete(decoder.write(piece));
      if (lines.length > 0) yield lines;
    }
    if (!body.readableEnded) throw brokenOff();
    const last = complete(`${decoder.end()}\n`);
    if (last.length > 0) yield last;
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (tooLate.aborted)
      throw new Problem('bad-request', `The body did not come within ${withinMs / 1000} s.`, [], CLOSE);
    throw brokenOff();
  } finally {
    body.resume();
  }
}

/** @throws Problem that names the line */
export function parsedLine({ number, text }: Line): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('validation-failed', [{ field: `line ${number}`, message: 'is not valid JSON' }]);
  }
}

/** Whether a client asked for an answer in lines. @param accept its header */
export function wantsLines(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((range) => range.split(';')[0]?.trim().toLowerCase() === NDJSON);
}

export function linesText(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** @param most in bytes */
export function tooLarge(most: number): Problem {
  return new Problem('payload-too-large', `The body of a batch may have ${most} bytes at most.`);
}

/** Who has not sent all of a body cannot send another request on that connection. */
const CLOSE = { connection: 'close' };

function brokenOff(): Problem {
  return new Problem('bad-request', 'The connection ended before the body did.', [], CLOSE);
}
