/**
 * Keeps what an attempt writes: everything up to a limit, and beyond it the first and the last half of the limit, with
 * an honest count of what was left out between them.
 */
import { StringDecoder } from 'node:string_decoder';
import type { OutputPiece } from '#common/domain/job.js';

type Stream = OutputPiece['stream'];

interface Piece {
  readonly stream: Stream;
  readonly chunks: Buffer[];
}

/** What was written to one stream, and how many bytes before it. */
export interface CapturedChunk {
  readonly stream: Stream;
  readonly position: number;
  readonly bytes: Buffer;
}

/** More changes between the two streams than this are not kept apart. */
const MAX_PIECES = 1000;

export class OutputCapture {
  readonly #half: number;
  readonly #head: Piece[] = [];
  readonly #tail: Piece[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #omittedBytes = 0;
  readonly #written = { out: 0, err: 0 };
  /** Told of everything that is written, as long as somebody wants to know. */
  onWrite: ((chunk: CapturedChunk) => void) | undefined;

  constructor(limitBytes: number) {
    this.#half = Math.floor(limitBytes / 2);
  }

  out(text: string): void {
    this.write('out', Buffer.from(text));
  }

  err(text: string): void {
    this.write('err', Buffer.from(text));
  }

  write(stream: Stream, bytes: Buffer): void {
    const position = this.#written[stream];
    this.#written[stream] += bytes.length;
    this.onWrite?.({ stream, position, bytes });
    const room = this.#half - this.#headBytes;
    if (room > 0) {
      const fits = bytes.subarray(0, room);
      append(this.#head, stream, fits);
      this.#headBytes += fits.length;
    }
    const rest = bytes.subarray(Math.max(room, 0));
    if (rest.length === 0) return;
    append(this.#tail, stream, rest);
    this.#tailBytes += rest.length;
    this.#trimTail();
  }

  /** All that is kept, in the order of writing. NUL, which Postgres cannot store, and invalid UTF-8 become U+FFFD. */
  pieces(): OutputPiece[] {
    const decoders = { out: new StringDecoder('utf8'), err: new StringDecoder('utf8') };
    const decode = ({ stream, chunks }: Piece) =>
      decoders[stream].write(Buffer.concat(chunks)).replaceAll('\0', '\uFFFD');
    const head = this.#head.map((piece) => ({ stream: piece.stream, text: decode(piece), omittedBytes: 0 }));
    if (this.#omittedBytes > 0) {
      // The halves of a character that the gap has torn apart must not be glued together.
      for (const stream of ['out', 'err'] as const) decoders[stream] = new StringDecoder('utf8');
    }
    const tail = this.#tail.map((piece, index) => ({
      stream: piece.stream,
      text: decode(piece),
      omittedBytes: index === 0 ? this.#omittedBytes : 0,
    }));
    return [...head, ...tail];
  }

  /** All that is kept, as it was written, in the order of writing. */
  chunks(): CapturedChunk[] {
    const kept = (pieces: readonly Piece[]) =>
      pieces.flatMap(({ stream, chunks }) => chunks.map((bytes) => ({ stream, bytes })));
    const [head, tail] = [kept(this.#head), kept(this.#tail)];
    const position = { out: 0, err: 0 };
    const placed = ({ stream, bytes }: Omit<CapturedChunk, 'position'>): CapturedChunk => {
      position[stream] += bytes.length;
      return { stream, bytes, position: position[stream] - bytes.length };
    };
    const first = head.map(placed);
    // What was left out lies before the tail.
    for (const stream of ['out', 'err'] as const) position[stream] = this.#written[stream];
    for (const { stream, bytes } of tail) position[stream] -= bytes.length;
    return [...first, ...tail.map(placed)];
  }

  /** Drops the oldest bytes of the tail. */
  #trimTail(): void {
    let surplus = this.#tailBytes - this.#half;
    if (surplus <= 0) return;
    this.#omittedBytes += surplus;
    this.#tailBytes -= surplus;
    while (surplus > 0) {
      const piece = this.#tail[0];
      const chunk = piece?.chunks[0];
      if (piece === undefined || chunk === undefined) return;
      const dropped = Math.min(surplus, chunk.length);
      surplus -= dropped;
      if (dropped < chunk.length) piece.chunks[0] = chunk.subarray(dropped);
      else piece.chunks.shift();
      if (piece.chunks.length === 0) this.#tail.shift();
    }
  }
}

function append(pieces: Piece[], stream: Stream, bytes: Buffer): void {
  const last = pieces.at(-1);
  if (last !== undefined && (last.stream === stream || pieces.length >= MAX_PIECES)) {
    last.chunks.push(bytes);
  } else {
    pieces.push({ stream, chunks: [bytes] });
  }
}
