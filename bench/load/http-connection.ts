/**
 * One HTTP/1.1 connection that sends the same request again and again. It knows just enough of the protocol to read the
 * answer's status and length: a load generator that shares two cores with what it loads must cost little.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** From sending the request until the whole answer had arrived. */
  readonly ms: number;
}

const HEAD_END = '\r\n\r\n';

export class HttpConnection {
  #received = '';
  #sentMs = 0;
  #pending: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly request: Buffer,
  ) {
    socket.setNoDelay();
    // As single bytes, so that the length of the text is the length that the head tells.
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static open(url: URL, request: Buffer): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket, request));
      });
      socket.once('error', reject);
    });
  }

  /** One request at a time. */
  send(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#sentMs = performance.now();
      this.socket.write(this.request);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: string): void {
    this.#received += chunk;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1];
    if (length === undefined) {
      this.#fail(new Error('an answer without a length'));
      return;
    }
    if (this.#received.length < headEnd + HEAD_END.length + Number(length)) return;
    // "HTTP/1.1 201 Created"
    const status = Number(this.#received.slice(9, 12));
    this.#received = '';
    this.#pending?.resolve({ status, ms: performance.now() - this.#sentMs });
  }

  #fail(error: Error): void {
    this.#pending?.reject(error);
    this.socket.destroy();
  }
}

export function postRequest(url: URL, body: string, contentType = 'application/json'): Buffer {
  const head = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}${HEAD_END}${body}`);
}
