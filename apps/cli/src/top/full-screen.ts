/** The whole terminal for one command, given back as it was however the command ends. */
import { widthOf, type Terminal } from '../terminal.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_REST_OF_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** Lines that turn out too wide are cut by the terminal rather than push the others away. */
const WRAP_OFF = '\u001b[?7l';
const WRAP_ON = '\u001b[?7h';
const CTRL_C = '\u0003';

export class FullScreen {
  readonly #quit: AbortController = new AbortController();
  readonly #onKey = (keys: Buffer | string) => {
    // Typed in raw mode Ctrl-C is a key like any other.
    if (/[qQ]/.test(String(keys)) || String(keys).includes(CTRL_C)) this.#quit.abort();
  };

  constructor(private readonly terminal: Terminal) {
    const { stdout, stdin } = terminal;
    stdout.write(ENTER);
    if (stdin?.isTTY === true) {
      stdin.setRawMode?.(true);
      stdin.on('data', this.#onKey);
      stdin.resume();
    }
  }

  /** Aborts when somebody pressed q or Ctrl-C. */
  get quit(): AbortSignal {
    return this.#quit.signal;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: widthOf(this.terminal.stdout), rows: this.terminal.stdout.rows ?? 24 };
  }

  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}${CLEAR_REST_OF_LINE}`).join('\r\n');
    // One write for the whole frame: no flicker.
    this.terminal.stdout.write(`${WRAP_OFF}${HOME}${text}${CLEAR_BELOW}${WRAP_ON}`);
  }

  /** To be called however the command ends. */
  leave(): void {
    const { stdout, stdin } = this.terminal;
    if (stdin?.isTTY === true) {
      stdin.off('data', this.#onKey);
      stdin.setRawMode?.(false);
      stdin.pause();
    }
    stdout.write(LEAVE);
  }
}
