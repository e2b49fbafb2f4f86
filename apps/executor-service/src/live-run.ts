/** What of one run's output is still to be sent to those who follow it. */
import type { LivePiece } from '#common/database/live-output.repository.js';
import type { CapturedChunk, OutputCapture } from './handlers/output-capture.js';

/** Largest piece, in bytes, and how much goes in one statement. */
const PIECE_BYTES = 64 * 1024;
const BATCH_BYTES = 1024 * 1024;

export class LiveRun {
  #waiting: CapturedChunk[] = [];
  #waitingBytes = 0;
  /** Taken and not known to be sent: it is sent again as it is, so that a repetition changes nothing. */
  #taken: LivePiece[] = [];
  /** Sent pieces that have not been trimmed, and how much they are. */
  #sent: { seq: number; bytes: number }[] = [];
  #sentBytes = 0;
  #nextSeq = 1;
  #ending: 'no' | 'ended' | 'told' = 'no';

  /** @param wake called when there is something to send */
  constructor(
    readonly jobId: string,
    readonly delivery: number,
    readonly output: OutputCapture,
    private readonly keptBytes: number,
    private readonly wake: () => void,
  ) {}

  get hasMore(): boolean {
    return this.#waiting.length > 0 || this.#taken.length > 0 || this.#ending === 'ended';
  }

  /** Sends everything that has been captured, and what follows. Whoever has some of it can tell by the positions. */
  resume(): void {
    if (this.output.onWrite !== undefined) return;
    for (const chunk of this.output.chunks()) this.#add(chunk);
    this.output.onWrite = (chunk) => {
      this.#add(chunk);
      this.wake();
    };
    if (this.hasMore) this.wake();
  }

  /** Nobody follows it any more. */
  pause(): void {
    this.output.onWrite = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** It writes nothing more; the last piece says so. */
  end(): void {
    this.output.onWrite = undefined;
    this.#ending = 'ended';
  }

  /** What is to be sent next; the same again until `sent` is called. */
  take(): (LivePiece & { jobId: string; delivery: number })[] {
    if (this.#taken.length === 0) this.#taken = this.#nextPieces();
    const { jobId, delivery } = this;
    return this.#taken.map((piece) => ({ ...piece, jobId, delivery }));
  }

  /** What was taken has been sent. @returns the piece up to which older ones are no longer kept, if that has changed */
  sent(): number | undefined {
    for (const { seq, bytes } of this.#taken.splice(0)) {
      this.#sent.push({ seq, bytes: bytes.length });
      this.#sentBytes += bytes.length;
    }
    if (this.#sentBytes <= 2 * this.keptBytes) return undefined;
    while (this.#sentBytes > this.keptBytes) this.#sentBytes -= this.#sent.shift()?.bytes ?? this.#sentBytes;
    return this.#sent[0]?.seq ?? this.#nextSeq;
  }

  #add(chunk: CapturedChunk): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.bytes.length;
    // While it cannot be sent, the oldest goes; those who follow see by the positions how much they have missed.
    while (this.#waitingBytes > 2 * this.keptBytes && this.#waiting.length > 1)
      this.#waitingBytes -= this.#waiting.shift()?.bytes.length ?? 0;
  }

  #nextPieces(): LivePiece[] {
    const pieces: LivePiece[] = [];
    for (let total = 0; total < BATCH_BYTES && this.#waiting.length > 0;) {
      const { stream, position, bytes } = this.#nextChunk();
      total += bytes.length;
      pieces.push({ seq: this.#nextSeq++, stream, position, bytes, final: false });
    }
    if (this.#waiting.length === 0 && this.#ending === 'ended') {
      this.#ending = 'told';
      pieces.push({ seq: this.#nextSeq++, stream: 'out', position: 0, bytes: Buffer.alloc(0), final: true });
    }
    return pieces;
  }

  /** What waits first, with what follows directly on it. */
  #nextChunk(): CapturedChunk {
    const first = this.#waiting.shift();
    if (first === undefined) throw new Error('nothing waits');
    const parts = [first.bytes];
    let end = first.position + first.bytes.length;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const fits = end + next.bytes.length - first.position <= PIECE_BYTES;
      if (next.stream !== first.stream || next.position !== end || !fits) break;
      parts.push(next.bytes);
      end += next.bytes.length;
      this.#waiting.shift();
    }
    this.#waitingBytes -= end - first.position;
    return { stream: first.stream, position: first.position, bytes: Buffer.concat(parts) };
  }
}
