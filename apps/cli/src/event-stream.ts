/**
 * A stream of events from the store that survives the store: when it ends, breaks or falls silent, it is opened again where
 * it was, for as long as the store is not away for too long.
 */
import { pause, withDeadline } from './deadline.js';
import { isRetryable, retryDelayMs, urlOf, type HttpOptions } from './http.js';
import { serverSentEvents, type ServerSentEvent } from './server-sent-events.js';
import { networkFault, refusalOf, UnexpectedAnswerError, UnreachableError } from './store-errors.js';

export interface StreamMessage {
  readonly event: string;
  readonly data: unknown;
}

interface StreamRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
}

/** The store gives a sign of life every 15 seconds. In milliseconds. */
const SILENT_MS = 45_000;
/** How long a store that cannot be reached is waited for, in milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * Yields events until the store says that there are no more.
 * @throws RefusedError, UnreachableError, UnexpectedAnswerError, or the reason of the signal
 */
export async function* streamEvents(
  options: HttpOptions,
  request: StreamRequest,
): AsyncGenerator<StreamMessage> {
  let lastId = '';
  let giveUpAt = performance.now() + PATIENCE_MS;
  for (let failures = 1; ; failures += 1) {
    try {
      for await (const { id, name, data } of connection(options, request, lastId)) {
        lastId = id;
        giveUpAt = performance.now() + PATIENCE_MS;
        failures = 0;
        if (data !== undefined) yield { event: name, data: JSON.parse(data) as unknown };
      }
      if (lastId === 'done') return;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isRetryable(error) || performance.now() > giveUpAt) throw error;
      await pause(retryDelayMs(error, failures), options.signal);
    }
  }
}

async function* connection(
  options: HttpOptions,
  request: StreamRequest,
  lastId: string,
): AsyncGenerator<ServerSentEvent> {
  const cut = new AbortController();
  const abort = () => cut.abort(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  const silent = () => new UnreachableError(options.baseUrl, `nothing heard for ${SILENT_MS / 1000} s`);
  try {
    const response = await withDeadline(cut.signal, SILENT_MS, silent, (signal) =>
      open(options, request, lastId, cut, signal),
    );
    if (response.status === 204) {
      yield { name: 'message', data: undefined, id: 'done' };
      return;
    }
    if (!response.ok) throw refusalOf(response, await response.text());
    if (response.body === null || !response.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new UnexpectedAnswerError(options.baseUrl, 'it is no stream of events');
    const events = serverSentEvents(response.body);
    for (;;) {
      const next = await withDeadline(cut.signal, SILENT_MS, silent, (signal) =>
        nextOf(options, events, signal),
      );
      if (next.done === true) return;
      yield lastId !== '' && next.value.id === '' ? { ...next.value, id: lastId } : next.value;
    }
  } finally {
    options.signal.removeEventListener('abort', abort);
    cut.abort();
  }
}

/** The deadline is for the headers alone; `cut` ends the rest. */
async function open(
  options: HttpOptions,
  request: StreamRequest,
  lastId: string,
  cut: AbortController,
  deadline: AbortSignal,
): Promise<Response> {
  const abort = () => cut.abort(deadline.reason);
  deadline.addEventListener('abort', abort, { once: true });
  try {
    return await fetch(urlOf(options.baseUrl, request), {
      headers: {
        accept: 'text/event-stream, application/problem+json',
        ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
        ...(lastId === '' ? {} : { 'last-event-id': lastId }),
      },
      signal: cut.signal,
    });
  } catch (error) {
    deadline.throwIfAborted();
    throw new UnreachableError(options.baseUrl, networkFault(error), { cause: error });
  } finally {
    deadline.removeEventListener('abort', abort);
  }
}

async function nextOf(
  options: HttpOptions,
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
    throw new UnreachableError(options.baseUrl, networkFault(error), { cause: error });
  }
}
