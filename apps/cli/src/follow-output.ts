/** Prints what a job writes while it writes it, until the job has ended. */
import { gap, outputPiece } from './answers.js';
import type { CommandContext } from './context.js';
import { ExitCode } from './exit-codes.js';
import { oneLine } from './text.js';

/** json and jsonl are the same here: an object a line is all that can be read before the end. */
export type OutputTextFormat = 'text' | 'json' | 'jsonl';

/** @param attempt all from the latest on when not given */
export async function followOutput(
  context: CommandContext,
  id: string,
  attempt: number | undefined,
  format: OutputTextFormat,
): Promise<void> {
  const { stdout, stderr } = context.terminal;
  for await (const { event, data } of context.api().followOutput(id, attempt)) {
    if (format !== 'text') {
      stdout.write(`${JSON.stringify({ event, ...(data as object) })}\n`);
    } else if (event === 'output') {
      const { text, omittedBytes } = outputPiece.parse(data);
      if (omittedBytes !== undefined) stderr.write(`${omittedBytes} bytes were left out here\n`);
      stdout.write(text);
    } else if (event === 'gap') {
      stderr.write(`output is missing: ${oneLine(gap.parse(data).detail)}\n`);
    }
  }
}

/** Prints what it writes, and says by the exit code what became of it. */
export async function followToEnd(
  context: CommandContext,
  id: string,
  format: OutputTextFormat,
): Promise<void> {
  context.terminal.stderr.write(`${id}\n`);
  await followOutput(context, id, undefined, format);
  const { state } = await context.api().getJob(id);
  context.terminal.stderr.write(`${id} ${state}\n`);
  if (state !== 'succeeded') context.exitWith(ExitCode.jobNotSucceeded);
}
