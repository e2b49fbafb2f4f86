/**
 * A TCP proxy on the loopback interface with which tests make a network fail: it can fall silent, refuse, delay, cut
 * connections, and change or drop what the server says.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DelayLine } from './delay-line.js';

/** What becomes of a chunk that the server sent: pass this on, or nothing, or cut the connection after passing it on. */
export type ReplyFilter = (chunk: Buffer) => Buffer | 'drop' | { readonly cutAfter: Buffer };

export class TcpProxy {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #server: Server | undefined;
  #blackHole = false;
  #refusing = false;
  #filter: ReplyFilter = (chunk) => chunk;
  #accepted = 0;
  /** Passes on what the server says byte by byte. */
  trickle = false;
  /** How much later everything arrives, in either direction, in milliseconds. */
  delayMs = 0;

  private constructor(private readonly targetPort: number) {}

  static async to(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    const server = createServer((socket) => proxy.#accept(socket));
    proxy.#server = server;
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server?.address();
    if (address === null || address === undefined || typeof address === 'string')
      throw new Error('not listening');
    return address.port;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Nothing passes in either direction, but connections stay open and new ones are accepted: a silent network. */
  fallSilent(): void {
    this.#blackHole = true;
  }

  /** Cuts every connection, and each new one at once. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  /** Everything passes again, unfiltered. What was swallowed stays lost, so connections from before are cut. */
  heal(): void {
    if (this.#blackHole) this.cut();
    this.#blackHole = false;
    this.#refusing = false;
    this.#filter = (chunk) => chunk;
    this.delayMs = 0;
  }

  cut(): void {
    for (const [client, target] of this.#pairs) {
      client.destroy();
      target.destroy();
    }
  }

  /** Lets `filter` decide on all that the server says from now on. */
  filterReplies(filter: ReplyFilter): void {
    this.#filter = filter;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const target = connect(this.targetPort, '127.0.0.1');
    const pair = [client, target] as const;
    this.#pairs.add(pair);
    const requests = new DelayLine((chunk) => target.write(chunk));
    const replies = new DelayLine((chunk) => this.#reply(client, chunk));
    client.on('data', (chunk) => {
      if (!this.#blackHole) requests.send(chunk, this.delayMs);
    });
    target.on('data', (chunk) => replies.send(chunk, this.delayMs));
    for (const [one, other] of [pair, [target, client] as const]) {
      one.setNoDelay();
      // The close event that follows says all that matters here.
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#pairs.delete(pair);
        requests.close();
        replies.close();
        // A silent network does not tell the other side either.
        if (!this.#blackHole) other.destroy();
      });
    }
  }

  #reply(client: Socket, chunk: Buffer): void {
    if (this.#blackHole) return;
    const passed = this.#filter(chunk);
    if (passed === 'drop') return;
    if (this.trickle && Buffer.isBuffer(passed)) {
      void trickleTo(client, passed);
      return;
    }
    if (Buffer.isBuffer(passed)) client.write(passed);
    else client.end(passed.cutAfter, () => client.destroy());
  }
}

/** Each byte in a turn of its own, so that it travels alone. */
async function trickleTo(client: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    client.write(Buffer.of(byte));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
