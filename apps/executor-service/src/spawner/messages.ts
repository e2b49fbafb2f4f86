/** What the executor and its spawner processes say to each other, over the channel that Node opens between them. */
import type { OutputPiece } from '#common/domain/job.js';

/** What is to be run. */
export interface CommandSpec {
  /** A command line for /bin/sh. */
  readonly command: string;
  readonly cwd: string;
  /** Added to the spawner's own environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a command ended; exactly one of the two is set. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** To the spawner. `run` numbers the commands of one spawner. */
export type Order =
  | ({ readonly kind: 'start'; readonly run: number } & CommandSpec)
  /** SIGTERM to the group, and SIGKILL `graceMs` later. */
  | { readonly kind: 'stop'; readonly run: number; readonly graceMs: number };

/** From the spawner, of each command in this order: `started`, any number of `wrote`, `ended`; or `refused` alone. */
export type Report =
  | { readonly kind: 'started'; readonly run: number; readonly groupId: number }
  | { readonly kind: 'refused'; readonly run: number; readonly message: string }
  | {
      readonly kind: 'wrote';
      readonly run: number;
      readonly stream: OutputPiece['stream'];
      readonly bytes: Buffer;
    }
  | ({ readonly kind: 'ended'; readonly run: number } & Ending);
