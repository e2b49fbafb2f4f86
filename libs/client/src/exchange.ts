/**
 * One request to the store: with a time-out, repeated for a short while where that is safe, and with every way to fail
 * turned into one of three errors.
 */
import { authorization, type Connection } from './connection.js';
import { pause, withDeadline } from './deadline.js';
import { errorOf, networkFault, NO_REDIRECTS, UnreachableError } from './errors.js';
import { isRetryable, retryDelayMs } from './retry.js';

/**
 * Sends `request` and returns its 2xx answer, with all of its body.
 * @param repeatable whether sending it twice does no more than sending it once
 * @throws ProblemError, UnreachableError, UnexpectedAnswerError, or the reason of a signal
 */
export async function exchange(
  connection: Connection,
  request: Request,
  repeatable: boolean,
): Promise<Response> {
  const giveUpAt = performance.now() + connection.patienceMs;
  for (let tries = 1; ; tries++) {
    try {
      return await sendOnce(connection, request.clone());
    } catch (error) {
      if (!isRetryable(error, repeatable)) throw error;
      const retryMs = retryDelayMs(error, tries);
      if (performance.now() + retryMs > giveUpAt) throw error;
      await pause(retryMs, connection.signal);
    }
  }
}

function sendOnce(connection: Connection, request: Request): Promise<Response> {
  const { baseUrl, signal: parent, timeoutMs } = connection;
  const tooLate = () => new UnreachableError(baseUrl, `no answer within ${timeoutMs / 1000} s`);
  return withDeadline(parent, timeoutMs, tooLate, async (signal) => {
    const { response, text } = await fetchAll(connection, request, signal);
    if (!response.ok) throw errorOf(baseUrl, response, text);
    // The body has been read here, within the deadline; who reads it next cannot be kept waiting.
    return new Response(text === '' ? null : text, { status: response.status, headers: response.headers });
  });
}

async function fetchAll(connection: Connection, request: Request, signal: AbortSignal) {
  for (const [name, value] of Object.entries(authorization(connection))) request.headers.set(name, value);
  try {
    const response = await fetch(request, { signal, redirect: NO_REDIRECTS });
    return { response, text: await response.text() };
  } catch (error) {
    // When it was stopped, its reason says more than fetch's own error.
    signal.throwIfAborted();
    throw new UnreachableError(connection.baseUrl, networkFault(error), { cause: error });
  }
}
