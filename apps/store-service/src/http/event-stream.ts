/**
 * One answer in the form of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Nothing
 * here waits for a client that reads slowly: who sends asks whether there is room, and a client that takes nothing at all
 * for a while is cut off.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What is kept for a client that does not read as fast as is written, in bytes. */
const ROOM_BYTES = 256 * 1024;
/** A client that has not taken what was kept for it within this time is gone, or might as well be, in milliseconds. */
const STALLED_MS = 60_000;
/** How long the last of a stream may take to be taken, in milliseconds. */
const LAST_WORDS_MS = 1000;
/** How soon a client comes back after its stream has ended, in milliseconds. */
const RETRY_MS = 1000;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Caches would keep it for ever, compressing proxies until they have enough, nginx until it has ended.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

export class EventStream {
  readonly #raw: FastifyReply['raw'];
  readonly #ended = new AbortController();
  /** By performance.now(). */
  lastSentAt = performance.now();
  /** The id with which a client that hears nothing for long should come back. */
  currentId: (() => string | undefined) | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    reply.hijack();
    this.#raw = reply.raw;
    this.#raw.on('close', () => this.#ended.abort());
    this.#raw.on('error', () => this.#ended.abort());
    this.#raw.writeHead(200, { ...reply.getHeaders(), ...HEADERS } as Record<string, string>);
    if (request.method === 'HEAD') this.end();
    else this.send(`retry: ${RETRY_MS}\n\n`);
  }

  /** Aborted when the client has left, was cut off, or the stream has ended. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Whether more than a little waits to be taken by the client. */
  get isFull(): boolean {
    return this.#raw.writableLength > ROOM_BYTES;
  }

  /** @param text whole events */
  send(text: string | Buffer): void {
    if (this.#ended.signal.aborted) return;
    this.lastSentAt = performance.now();
    this.#raw.write(text);
  }

  /** A comment, and the id up to which nothing else was to be told. */
  giveSignOfLife(): void {
    const id = this.currentId?.();
    this.send(id === undefined ? ': still here\n\n' : `: still here\nid: ${id}\n\n`);
  }

  /** Resolves when the client has taken what waited, or the stream has ended. Cuts off a client that takes nothing. */
  async drained(): Promise<void> {
    if (!this.isFull || this.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#raw.destroy(), STALLED_MS);
      const done = () => {
        clearTimeout(timer);
        this.#raw.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#raw.once('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Ends it in order; a client that does not take what waits for it is not waited for. */
  end(): void {
    this.#ended.abort();
    this.#raw.end();
    setTimeout(() => this.#raw.destroy(), LAST_WORDS_MS).unref();
  }
}

/** One event. The data is written as JSON, which has no line breaks. */
export function eventText(name: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
