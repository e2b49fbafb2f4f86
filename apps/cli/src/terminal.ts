/**
 * Where the command line writes: data to stdout, everything else to stderr. Passed as a value, so that tests can look at
 * what was written and pretend to be a terminal of any size.
 */
import { coloured, plain, type Paint } from './text.js';

export interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** A terminal's keys, for what is not read line by line. */
export interface Keyboard {
  readonly isTTY?: boolean | undefined;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (keys: Buffer | string) => void): unknown;
  off(event: 'data', listener: (keys: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface Terminal {
  readonly stdin?: Keyboard;
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether lines can be redrawn in place there. */
export const canRedraw = (screen: Screen, env: Terminal['env']): boolean =>
  screen.isTTY === true && env['TERM'] !== 'dumb';

/** Colours only on a terminal, and never against the wish that NO_COLOR is (https://no-color.org). */
export const paintFor = (screen: Screen, env: Terminal['env']): Paint =>
  canRedraw(screen, env) && !env['NO_COLOR'] ? coloured : plain;

/** Columns that a line may take: the terminal's, and no limit where something else reads. */
export const widthOf = (screen: Screen): number =>
  screen.isTTY === true ? (screen.columns ?? 80) : Number.POSITIVE_INFINITY;
