/** Server-sent events as a client reads them: whole messages, the last id, and reconnection at the caller's will. */
import { get, type IncomingMessage } from 'node:http';

export interface Message {
  readonly event: string;
  /** Parsed. */
  readonly data: unknown;
  readonly id: string;
}

export class EventSourceClient {
  /** What a reconnection names. */
  lastEventId = '';
  /** Of the latest connection. */
  status = 0;
  headers: IncomingMessage['headers'] = {};
  /** Everything that was not JSON in an event, such as the body of a refusal. */
  body = '';
  /** The connection was lost, and not by the client's own will. */
  onCut: () => void = () => undefined;
  #response: IncomingMessage | undefined;

  constructor(private readonly onMessage: (message: Message) => void) {}

  /** Resolves when the headers have come. */
  open(url: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const headers = this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId };
      get(url, { headers, agent: false }, (response) => {
        this.#response = response;
        this.status = response.statusCode ?? 0;
        this.headers = response.headers;
        let rest = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          const blocks = (rest + text).split('\n\n');
          rest = blocks.pop() ?? '';
          // A client that has closed hears no more, as if the network had lost it.
          for (const block of blocks) if (this.#response === response) this.#receive(block);
          if (this.status !== 200) this.body += text;
        });
        response.on('error', () => undefined);
        response.on('close', () => {
          if (this.#response === response) this.onCut();
        });
        resolve();
      }).on('error', reject);
    });
  }

  get isOpen(): boolean {
    return this.#response !== undefined && !this.#response.closed && !this.#response.complete;
  }

  close(): void {
    const response = this.#response;
    this.#response = undefined;
    response?.destroy();
  }

  /** Stops reading, so that what is sent piles up. */
  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  #receive(block: string): void {
    let event = 'message';
    let data: string | undefined;
    for (const line of block.split('\n')) {
      if (line.startsWith('id: ')) this.lastEventId = line.slice(4);
      else if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) data = line.slice(6);
    }
    if (data !== undefined)
      this.onMessage({ event, data: JSON.parse(data) as unknown, id: this.lastEventId });
  }
}
