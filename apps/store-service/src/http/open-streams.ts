/** The answers of a store that do not end by themselves: how many there may be, signs of life, and their end with the store. */
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessService } from '../access/access.service.js';
import { EventStream } from './event-stream.js';
import { Problem } from './problem.js';

/** Proxies cut connections on which nothing happens, most after 30 to 60 s. In milliseconds. */
const SIGN_OF_LIFE_MS = 15_000;
const LOOK_EVERY_MS = 5000;

@Injectable()
export class OpenStreams implements BeforeApplicationShutdown {
  readonly #streams = new Set<EventStream>();
  readonly #timer = setInterval(() => this.#giveSignsOfLife(), LOOK_EVERY_MS).unref();
  #stopping = false;

  /** @param limit most streams at once */
  constructor(
    private readonly limit: number,
    private readonly access: Pick<AccessService, 'whenEnded'>,
  ) {}

  /**
   * Begins to answer with a stream of events.
   * @throws Problem when there are too many already, or the store is stopping
   */
  open(request: FastifyRequest, reply: FastifyReply): EventStream {
    if (this.#stopping) throw new Problem('unavailable', 'This store is stopping; another one goes on.');
    if (this.#streams.size >= this.limit) {
      throw new Problem(
        'unavailable',
        `This store has ${this.limit} open streams, which is as many as it may have (STORE_MAX_STREAMS).`,
      );
    }
    const stream = new EventStream(request, reply);
    if (stream.signal.aborted) return stream;
    this.#streams.add(stream);
    const forget =
      request.caller === undefined
        ? undefined
        : // Who comes back then is told why there is no more.
          this.access.whenEnded(request.caller, () => stream.end());
    const close = () => {
      this.#streams.delete(stream);
      forget?.();
    };
    stream.signal.addEventListener('abort', close, { once: true });
    return stream;
  }

  /** A client whose stream ends comes back by itself, to a store that goes on. */
  beforeApplicationShutdown(): void {
    this.#stopping = true;
    clearInterval(this.#timer);
    for (const stream of [...this.#streams]) stream.end();
  }

  #giveSignsOfLife(): void {
    const now = performance.now();
    for (const stream of this.#streams) {
      if (now - stream.lastSentAt >= SIGN_OF_LIFE_MS - LOOK_EVERY_MS) stream.giveSignOfLife();
    }
  }
}
