/**
 * A stream of events from the store that survives the store: when it ends, breaks or falls silent, it is opened again where
 * it was, for as long as the store is not away for too long.
 */
import { authorization, type Connection } from './connection.js';
import { pause, withDeadline } from './deadline.js';
import { errorOf, networkFault, NO_REDIRECTS, UnexpectedAnswerError, UnreachableError } from './errors.js';
import { isRetryable, retryDelayMs } from './retry.js';
import { serverSentEvents, type ServerSentEvent } from './server-sent-events.js';

export interface StreamMessage {
  readonly event: string;
  readonly data: unknown;
}

export interface StreamRequest {
  /** Below the base URL, without a slash in front. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
}

/** The store gives a sign of life every 15 seconds. In milliseconds. */
const SILENT_MS = 45_000;
/** How long a store that cannot be reached is waited for, in milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * Yields events until the store says that there are no more.
 * @throws ProblemError, UnreachableError, UnexpectedAnswerError, or the reason of the signal
 */
export async function* streamEvents(
  connection: Connection,
  request: StreamRequest,
): AsyncGenerator<StreamMessage> {
  let lastId = '';
  let giveUpAt = performance.now() + PATIENCE_MS;
  for (let failures = 1; ; failures += 1) {
    let heard = false;
    try {
      for await (const { id, name, data } of listen(connection, request, lastId)) {
        heard = true;
        lastId = id;
        giveUpAt = performance.now() + PATIENCE_MS;
        failures = 0;
        if (data !== undefined) yield { event: name, data: JSON.parse(data) as unknown };
      }
      if (lastId === 'done') return;
      // Asked again at once it would do the same, without end.
      if (!heard) throw new UnreachableError(connection.baseUrl, 'the stream ended before anything came');
    } catch (error) {
      connection.signal.throwIfAborted();
      if (!isRetryable(error, true) || performance.now() > giveUpAt) throw error;
      await pause(retryDelayMs(error, failures), connection.signal);
    }
  }
}

async function* listen(
  connection: Connection,
  request: StreamRequest,
  lastId: string,
): AsyncGenerator<ServerSentEvent> {
  const { baseUrl } = connection;
  const cut = new AbortController();
  const abort = () => cut.abort(connection.signal.reason);
  connection.signal.addEventListener('abort', abort, { once: true });
  const silent = () => new UnreachableError(baseUrl, `nothing heard for ${SILENT_MS / 1000} s`);
  try {
    const response = await withDeadline(cut.signal, SILENT_MS, silent, (signal) =>
      open(connection, request, lastId, cut, signal),
    );
    if (response.status === 204) {
      yield { name: 'message', data: undefined, id: 'done' };
      return;
    }
    if (!response.ok) throw errorOf(baseUrl, response, await response.text());
    if (response.body === null || !response.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new UnexpectedAnswerError(baseUrl, 'it is no stream of events');
    const events = serverSentEvents(response.body);
    for (;;) {
      const next = await withDeadline(cut.signal, SILENT_MS, silent, (signal) =>
        nextOf(baseUrl, events, signal),
      );
      if (next.done === true) return;
      yield lastId !== '' && next.value.id === '' ? { ...next.value, id: lastId } : next.value;
    }
  } finally {
    connection.signal.removeEventListener('abort', abort);
    cut.abort();
  }
}

/** The deadline is for the headers alone; `cut` ends the rest. */
async function open(
  connection: Connection,
  request: StreamRequest,
  lastId: string,
  cut: AbortController,
  deadline: AbortSignal,
): Promise<Response> {
  const abort = () => cut.abort(deadline.reason);
  deadline.addEventListener('abort', abort, { once: true });
  try {
    return await fetch(urlOf(connection.baseUrl, request), {
      headers: {
        accept: 'text/event-stream, application/problem+json',
        ...authorization(connection),
        ...(lastId === '' ? {} : { 'last-event-id': lastId }),
      },
      signal: cut.signal,
      redirect: NO_REDIRECTS,
    });
  } catch (error) {
    deadline.throwIfAborted();
    throw new UnreachableError(connection.baseUrl, networkFault(error), { cause: error });
  } finally {
    deadline.removeEventListener('abort', abort);
  }
}

function urlOf(baseUrl: URL, { path, query }: StreamRequest): URL {
  const url = new URL(baseUrl);
  url.pathname = `${baseUrl.pathname.replace(/\/$/, '')}/${path}`;
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

async function nextOf(
  baseUrl: URL,
  events: AsyncGenerator<ServerSentEvent>,
  signal: AbortSignal,
): Promise<IteratorResult<ServerSentEvent, unknown>> {
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([events.next(), stopped]);
  } catch (error) {
    signal.throwIfAborted();
    throw new UnreachableError(baseUrl, networkFault(error), { cause: error });
  }
}
