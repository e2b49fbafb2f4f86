/**
 * What one run wrote, put together from pieces that may overlap, repeat or have gaps between them, so that each byte is
 * told once. A place in it is how many bytes of each stream have been told.
 */
import type { LivePiece } from '#common/database/live-output.repository.js';
import type { OutputPiece } from '#common/domain/job.js';

type Stream = OutputPiece['stream'];

/** Bytes told of each stream. */
export type OutputPosition = Readonly<Record<Stream, number>>;

export class RunOutput {
  readonly #position: Record<Stream, number>;
  /** The beginning of a character whose end has not come yet. */
  readonly #begun: Record<Stream, Buffer> = { out: Buffer.alloc(0), err: Buffer.alloc(0) };

  constructor(position: OutputPosition = { out: 0, err: 0 }) {
    this.#position = { ...position };
  }

  get position(): OutputPosition {
    return { ...this.#position };
  }

  /** @returns what is new in a piece, in whole characters; undefined when nothing is */
  add({
    stream,
    position,
    bytes,
  }: Pick<LivePiece, 'stream' | 'position' | 'bytes'>): OutputPiece | undefined {
    const begun = this.#begun[stream];
    const known = this.#position[stream] + begun.length;
    if (position + bytes.length <= known) return undefined;
    const omittedBytes = Math.max(0, position - known);
    const fresh = bytes.subarray(Math.max(0, known - position));
    // What has begun before a gap will never be completed.
    const data = omittedBytes > 0 ? Buffer.from(fresh) : Buffer.concat([begun, fresh]);
    const length = wholeCharacters(data);
    this.#begun[stream] = data.subarray(length);
    this.#position[stream] = position + bytes.length - (data.length - length);
    if (length === 0 && omittedBytes === 0) return undefined;
    return { stream, text: data.toString('utf8', 0, length).replaceAll('\0', '\uFFFD'), omittedBytes };
  }

  /**
   * What is new in the output as it is kept for good.
   * @returns undefined when that cannot be told, because something was left out of it and something has been told
   */
  rest(pieces: readonly OutputPiece[]): OutputPiece[] | undefined {
    const { out, err } = this.#position;
    if (out === 0 && err === 0) return [...pieces];
    const gap = pieces.findIndex(({ omittedBytes }) => omittedBytes > 0);
    const [before, after] = gap < 0 ? [pieces, []] : [pieces.slice(0, gap), pieces.slice(gap)];
    // What of the end has been told already, nobody can say.
    if (after.some(({ text }) => text !== '')) return undefined;
    return [...this.next(before), ...after];
  }

  /** What is new in the output as it is kept so far, from its beginning on and without gaps. */
  next(pieces: readonly OutputPiece[]): OutputPiece[] {
    const position = { out: 0, err: 0 };
    return pieces.flatMap(({ stream, text }) => {
      const bytes = Buffer.from(text);
      position[stream] += bytes.length;
      return this.add({ stream, bytes, position: position[stream] - bytes.length }) ?? [];
    });
  }
}

/** How many bytes from the start are whole characters; what is no UTF-8 counts as whole. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
