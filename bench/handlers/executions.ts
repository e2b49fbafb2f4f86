/** Counts what the handlers beside this file were run for, and leaves the count behind when the executor ends. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

let executions = 0;
const folder = process.env['BENCH_EXECUTIONS_FOLDER'];
if (folder !== undefined)
  process.once('exit', () => writeFileSync(join(folder, String(process.pid)), String(executions)));

export function countExecution(): void {
  executions += 1;
}
