/**
 * Waiting that ends early when it should. AbortSignal.any() with AbortSignal.timeout() would be shorter, but on Node 20 a
 * garbage collection can drop the time-out before it fires, and then a silent server is waited for without end.
 */

/** Node's timers fire at once when asked to wait longer than this (24 days). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs `work` with a signal that aborts when `parent` does, or after `ms` with the reason `onTimeout()`.
 * Rejects as `work` does: it is for `work` to heed its signal.
 */
export async function withDeadline<T>(
  parent: AbortSignal,
  ms: number,
  onTimeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(parent.reason);
  const timer = setTimeout(() => controller.abort(onTimeout()), Math.min(ms, LONGEST_TIMER_MS));
  parent.addEventListener('abort', abort, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener('abort', abort);
  }
}

/** Sleeps for `ms`; throws the reason of `signal` when that aborts first. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
  signal.throwIfAborted();
}
