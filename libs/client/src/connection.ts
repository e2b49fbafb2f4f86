/** How a client reaches its store, and what any of its requests has in common with all others. */

export interface ConnectionOptions {
  /** Address of the store; a path in it is kept, for a store behind a proxy. */
  readonly baseUrl: string | URL;
  /** Sent with every request as `Authorization: Bearer …`. */
  readonly apiKey?: string | undefined;
  /** Ends every request, stream and wait, and all repetitions, when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** The longest a single try may take. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** How long tries are repeated, counted from the first. Default 5 s; 0 never repeats. */
  readonly patienceMs?: number | undefined;
}

export interface Connection {
  readonly baseUrl: URL;
  readonly apiKey: string | undefined;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly patienceMs: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_PATIENCE_MS = 5_000;

/** @throws TypeError when the base URL is none */
export function connectionOf(options: ConnectionOptions): Connection {
  return {
    baseUrl: new URL(options.baseUrl),
    apiKey: options.apiKey,
    signal: options.signal ?? new AbortController().signal,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    patienceMs: options.patienceMs ?? DEFAULT_PATIENCE_MS,
  };
}

export const authorization = ({ apiKey }: Connection): Record<string, string> =>
  apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
