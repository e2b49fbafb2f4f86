/** Waits for a bulk operation to end, and tells of its progress. */
import type { BulkOperation } from './answers.js';
import { bulkLine } from './bulk-tables.js';
import type { CommandContext } from './context.js';
import { pause } from '#client/deadline.js';

const FIRST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 1_000;
const GROWTH = 1.5;
/** A store that restarts should not end a wait of hours. */
const PATIENCE_MS = 30_000;

export async function waitForBulk(context: CommandContext, begun: BulkOperation): Promise<BulkOperation> {
  const api = context.api().with({ signal: context.signal, patienceMs: PATIENCE_MS });
  let latest = begun;
  let told = '';
  for (let intervalMs = FIRST_INTERVAL_MS; latest.state === 'running';) {
    await pause(intervalMs, context.signal);
    intervalMs = Math.min(intervalMs * GROWTH, LONGEST_INTERVAL_MS);
    latest = await api.getBulk(begun.id);
    const line = `${Math.floor(latest.percent)} %: ${bulkLine(latest)}`;
    if (line !== told && latest.state === 'running') context.terminal.stderr.write(`${line}\n`);
    told = line;
  }
  return latest;
}
