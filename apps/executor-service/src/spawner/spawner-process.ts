/**
 * A spawner: a small process that starts commands for the executor, so that the executor's event loop does not stand
 * still for each of them. It dies with the executor, and not before it has ended all that it has started. Why it exists:
 * docs/decisions/0014-spawners.md.
 */
import { FENCE_SIGNAL } from '#common/runtime/fenced-processes.js';
import type { Order, Report } from './messages.js';
import { Shell } from './shell.js';

/** How much output may wait for the executor to read it before the commands are held, in bytes. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/**
 * How long commands may take to end after SIGTERM when the executor has died, in milliseconds: less than what is left
 * of the shortest lease, after which their jobs are run again.
 */
const ORPHAN_GRACE_MS = 500;

const shells = new Map<number, Shell>();
let unreadBytes = 0;

function tell(report: Report, bytes = 0): void {
  if (!process.connected) return;
  unreadBytes += bytes;
  if (bytes > 0 && unreadBytes >= MAX_UNREAD_BYTES) hold(true);
  process.send?.(report, undefined, undefined, () => {
    const wasFull = unreadBytes >= MAX_UNREAD_BYTES;
    unreadBytes -= bytes;
    if (wasFull && unreadBytes < MAX_UNREAD_BYTES) hold(false);
  });
}

function hold(held: boolean): void {
  for (const shell of shells.values()) shell.hold(held);
}

function start({ run, ...spec }: Order & { kind: 'start' }): void {
  const refused = (message: string) => {
    shells.delete(run);
    tell({ kind: 'refused', run, message });
  };
  try {
    const shell = new Shell(spec, {
      refused,
      started: (groupId) => tell({ kind: 'started', run, groupId }),
      wrote: (stream, bytes) => tell({ kind: 'wrote', run, stream, bytes }, bytes.length),
      ended: (ending) => {
        shells.delete(run);
        tell({ kind: 'ended', run, ...ending });
      },
    });
    shells.set(run, shell);
  } catch (error) {
    // Some reasons are thrown, such as arguments and environment that are too long together.
    refused(error instanceof Error ? error.message : String(error));
  }
}

process.on('message', (order: Order) => {
  switch (order.kind) {
    case 'start':
      start(order);
      break;
    case 'stop':
      shells.get(order.run)?.stop(order.graceMs);
      break;
    default:
      throw new Error(`unknown order ${JSON.stringify(order satisfies never)}`);
  }
});
// The executor is gone: its jobs will soon be run by others. Without commands and channel, nothing keeps this process.
process.on('disconnect', () => {
  hold(false);
  for (const shell of shells.values()) shell.stop(ORPHAN_GRACE_MS);
});
// The lease is lost, and orders that are still under way must not be carried out either.
process.on(FENCE_SIGNAL, () => {
  for (const shell of shells.values()) shell.kill();
  process.exit();
});
// Whoever asks a whole group of processes to end asks the executor too, and it still needs its commands to finish.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
