/** `triumvir events`: what happens to jobs, as it happens. */
import { Option, type Command } from 'commander';
import { jobEvent, gap, type JobEvent } from '../answers.js';
import type { CommandContext } from '../context.js';
import { STATE_STYLE } from '../describe-job.js';
import { tableStyleOf } from '../output.js';
import { oneLine, pad, type Paint } from '../text.js';

interface EventsFlags {
  readonly queue?: string;
  readonly type?: string;
  readonly workflow?: string;
  readonly state?: string;
  readonly output: 'table' | 'text' | 'json' | 'jsonl';
}

export function addEventsCommand(program: Command, context: CommandContext): void {
  program
    .command('events')
    .summary('watch what happens to jobs')
    .description(
      'Prints each change of a job as it happens, until Ctrl-C. Events that were missed while the store was away are ' +
        'printed when it is back; where some are lost for good, a line on stderr says so.',
    )
    .argument('[id]', 'only this job')
    .addOption(new Option('--queue <names>', 'only these queues, with commas between'))
    .addOption(new Option('--type <types>', 'only these types, with commas between'))
    .addOption(new Option('--workflow <ids>', 'only jobs of these workflows, with commas between'))
    .addOption(new Option('--state <states>', 'only changes to these states, with commas between'))
    .addOption(
      new Option(
        '-o, --output <format>',
        'a line each for people; json or jsonl (one object a line) for programs',
      )
        .choices(['table', 'text', 'json', 'jsonl'])
        .default('table'),
    )
    .action(async (id: string | undefined, { output, ...filter }: EventsFlags) => {
      const { stdout, stderr } = context.terminal;
      const { paint } = tableStyleOf(context.terminal);
      for await (const { event, data } of context.api().streamEvents(id, filter)) {
        if (event === 'job') {
          stdout.write(
            // Only a line that is complete can be read before the end, and there is none.
            output === 'json' || output === 'jsonl'
              ? `${JSON.stringify(data)}\n`
              : eventLine(jobEvent.parse(data), paint),
          );
        } else if (event === 'gap') {
          stderr.write(`events are missing: ${oneLine(gap.parse(data).detail)}\n`);
        }
      }
    });
}

const STATE_COLUMNS = 'cancelling'.length;

function eventLine({ at, jobId, type, queue, change, state, attempt }: JobEvent, paint: Paint): string {
  const what = change === 'deleted' ? 'deleted' : change === 'cancel-requested' ? 'cancelling' : state;
  const facts = [type, `queue ${queue}`, ...(attempt > 0 ? [`attempt ${attempt}`] : [])]
    .map(oneLine)
    .join('  ');
  return `${at.slice(11, 23)}  ${jobId}  ${paint(STATE_STYLE[state], pad(what, STATE_COLUMNS))}  ${facts}\n`;
}
