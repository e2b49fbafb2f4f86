/** `triumvir top`: queues, rates, executors and running jobs, live. */
import { Option, type Command } from 'commander';
import { ProblemError, UnexpectedAnswerError, UnreachableError } from '#client/errors.js';
import { pause } from '#client/deadline.js';
import { jobEvent } from '../answers.js';
import type { StoreApi } from '../api.js';
import { checkedBy } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { durationMs } from '../new-job.js';
import { outputOption, printRecord, tableStyleOf, type OutputFormat } from '../output.js';
import { canRedraw } from '../terminal.js';
import { oneLine } from '../text.js';
import { FullScreen } from '../top/full-screen.js';
import { RateMeter } from '../top/rates.js';
import { takeSnapshot, type Snapshot } from '../top/snapshot.js';
import { topLines } from '../top/view.js';

interface TopFlags {
  readonly once?: true;
  readonly interval: number;
  readonly output: OutputFormat;
}

const DEFAULT_INTERVAL_MS = 2_000;
const interval = durationMs.refine((ms) => ms >= 200 && ms <= 3_600_000, {
  error: 'must be from 200ms to 1h',
});

export function addTopCommand(program: Command, context: CommandContext): void {
  program
    .command('top')
    .summary('watch queues, rates, executors and running jobs')
    .description(
      'Shows queues, rates, executors and running jobs, anew every --interval, until q or Ctrl-C. Where nothing can be redrawn, with --once and for programs it shows them once, after listening to one interval of events for the rates.',
    )
    .option('--once', 'show them once and end')
    .addOption(
      new Option('--interval <duration>', 'how often to look')
        .argParser(checkedBy(interval))
        .default(DEFAULT_INTERVAL_MS, '2s'),
    )
    .addOption(outputOption())
    .action(async ({ once, interval, output }: TopFlags) => {
      const { stdout, env } = context.terminal;
      const live = once !== true && output === 'table' && canRedraw(stdout, env);
      const hearing = new AbortController();
      const meter = hear(context.api().with({ signal: hearing.signal }));
      try {
        if (live) await watch(context, meter, interval);
        else await showOnce(context, meter, interval, output);
      } finally {
        hearing.abort();
      }
    });
}

/** Counts events from now on. @returns the meter, for as long as events can be heard */
function hear(api: StoreApi): () => RateMeter | undefined {
  let meter: RateMeter | undefined = new RateMeter(performance.now());
  const listen = async () => {
    for await (const { event, data } of api.streamEvents(undefined, { state: 'running,succeeded,dead' })) {
      if (event === 'job') meter?.count(jobEvent.parse(data), performance.now());
    }
  };
  // Without them there are no rates; everything else can be told all the same.
  listen().catch(() => (meter = undefined));
  return () => meter;
}

async function showOnce(
  { terminal, api, signal }: CommandContext,
  meter: () => RateMeter | undefined,
  intervalMs: number,
  output: OutputFormat,
): Promise<void> {
  // A store that cannot be asked is told of at once.
  await api().getCluster();
  await pause(intervalMs, signal);
  const snapshot = await takeSnapshot(api(), meter());
  printRecord(
    terminal,
    output,
    snapshot,
    (style) => `${topLines(snapshot, style, Number.POSITIVE_INFINITY, Date.now()).join('\n')}\n`,
  );
}

async function watch(
  { terminal, api, signal }: CommandContext,
  meter: () => RateMeter | undefined,
  intervalMs: number,
): Promise<void> {
  // Before the screen is taken: what is wrong from the start is told on the screen that stays.
  let snapshot = await takeSnapshot(api(), meter());
  const screen = new FullScreen(terminal);
  const stop = new AbortController();
  const end = () => stop.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  screen.quit.addEventListener('abort', end, { once: true });
  try {
    for (let trouble: string | undefined; ;) {
      draw(screen, terminal, snapshot, trouble);
      await pause(intervalMs, stop.signal);
      try {
        snapshot = await takeSnapshot(api().with({ signal: stop.signal }), meter());
        trouble = undefined;
      } catch (error) {
        if (!mayPass(error)) throw error;
        trouble = error.message;
      }
    }
  } catch (error) {
    if (!screen.quit.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    screen.leave();
  }
}

/** A store that is away is waited for; one that refuses will go on to. */
function mayPass(error: unknown): error is Error {
  if (error instanceof UnreachableError || error instanceof UnexpectedAnswerError) return true;
  return error instanceof ProblemError && (error.status >= 500 || error.status === 429);
}

function draw(
  screen: FullScreen,
  terminal: CommandContext['terminal'],
  snapshot: Snapshot,
  trouble: string | undefined,
): void {
  const { columns, rows } = screen.size;
  const style = { ...tableStyleOf(terminal), columns };
  const foot = trouble === undefined ? 'q ends' : style.paint('red', oneLine(trouble));
  // The last row is for the foot.
  const lines = topLines(snapshot, style, rows - 2, Date.now());
  screen.draw([...lines, '', foot]);
}
