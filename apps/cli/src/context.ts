/** What every command is given to do its work with. */
import type { StoreApi } from './api.js';
import type { ExitCode } from './exit-codes.js';
import type { GlobalFlags, StoreAddress } from './store-address.js';
import type { Terminal } from './terminal.js';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** The store that is meant. To be asked for when the command runs, like what follows: flags are not read before. */
  readonly api: () => StoreApi;
  /** Where that store is and which key it gets, and what says so. */
  readonly storeAddress: () => StoreAddress;
  /** The flags that every command takes. */
  readonly flags: () => GlobalFlags;
  /** Sets the exit code of a command that did its work but has bad news. */
  readonly exitWith: (code: ExitCode) => void;
}

/** Requests that one command has under way at once. */
export const REQUESTS_AT_ONCE = 8;
