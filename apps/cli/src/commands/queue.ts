/** `triumvir queue`: what queues may do, and how much is in them. */
import {
  CONCURRENCY,
  DRAIN_POLICIES,
  RATE_LIMIT,
  UNLIMITED,
  type DrainPolicy,
} from '#common/domain/queue.js';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { Queue } from '../answers.js';
import type { QueueSettings, StoreApi } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { durationOfFlag, queue as queueName } from '../new-job.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import { queuesTable } from '../queue-tables.js';
import { ProblemError } from '#client/errors.js';

interface OutputFlag {
  readonly output: OutputFormat;
}

const upTo = (most: number) => {
  const error = `must be a whole number from 1 to ${most}`;
  return wholeNumber.pipe(z.int().min(1, { error }).max(most, { error }));
};
const places = upTo(CONCURRENCY.max);

/** `10/1s`, `600/1m`. */
const rate = z.string().transform((text, context) => {
  const [count = '', interval = '', ...rest] = text.split('/');
  const limit = upTo(RATE_LIMIT.max).safeParse(count);
  const per = durationOfFlag.safeParse(interval);
  if (limit.success && per.success && rest.length === 0) return { limit: limit.data, interval: per.data };
  context.addIssue('must be a number and an interval, such as 10/1s or 600/1m, or none');
  return z.NEVER;
});

/** `none` takes a limit away. (Commander takes null for a flag without a value, so it is the word until the end.) */
const checkedOrNone =
  <Schema extends z.ZodType>(schema: Schema) =>
  (text: string): z.infer<Schema> | 'none' =>
    text === 'none' ? text : checkedBy(schema)(text);

export function addQueueCommand(program: Command, context: CommandContext): void {
  const queue = program
    .command('queue')
    .summary('look after queues and their limits')
    .description('Queues: how much is in them, what they may do at once, and whether they are paused.');

  queue
    .command('list')
    .summary('list queues')
    .addOption(
      new Option('--limit <number>', 'at most this many').argParser(checkedBy(upTo(200))).default(50),
    )
    .addOption(outputOption())
    .action(async ({ limit, output }: OutputFlag & { limit: number }) => {
      const { queues, nextAfter } = await context.api().listQueues(limit);
      printRecords(context.terminal, output, queues, (style) => queuesTable(queues, style));
      if (nextAfter !== null) context.terminal.stderr.write('there are more: use --limit\n');
    });

  for (const [verb, summary, act] of [
    ['get', 'show a queue', (api, name) => api.getQueue(name)],
    [
      'pause',
      'start nothing of it until it is resumed; what runs goes on',
      (api, name) => api.pauseQueue(name),
    ],
    ['resume', 'go on', (api, name) => api.resumeQueue(name)],
    ['delete', 'delete an empty queue with its settings', (api, name) => api.deleteQueue(name)],
  ] as const satisfies [string, string, (api: StoreApi, name: string) => Promise<Queue>][]) {
    queue
      .command(verb)
      .summary(summary)
      .argument('<name>', 'name of a queue')
      .addOption(outputOption())
      .action(async (name: string, { output }: OutputFlag) => {
        print(context, output, await act(context.api(), name));
      });
  }

  queue
    .command('set')
    .summary('set limits of a queue')
    .description(
      'Sets limits of a queue, and creates it when there is none. What is not given stays as it is.',
    )
    .argument('<name>', 'name of a queue', checkedBy(queueName))
    .addOption(
      new Option('--concurrency <number>', 'most jobs in flight in the whole cluster, or none').argParser(
        checkedOrNone(places),
      ),
    )
    .addOption(
      new Option('--per-key <number>', 'most jobs in flight for each concurrency key').argParser(
        checkedBy(places),
      ),
    )
    .addOption(
      new Option('--rate <number/interval>', 'most jobs in any interval, such as 10/1s, or none').argParser(
        checkedOrNone(rate),
      ),
    )
    .addOption(
      new Option('--drain <policy>', 'by all executors, or by an elected one in strict order').choices(
        DRAIN_POLICIES,
      ),
    )
    .addOption(outputOption())
    .action((name: string, flags: SetFlags) => set(context, name, flags));
}

interface SetFlags extends OutputFlag {
  readonly concurrency?: number | 'none';
  readonly perKey?: number;
  readonly rate?: NonNullable<QueueSettings['rateLimit']> | 'none';
  readonly drain?: DrainPolicy;
}

async function set(
  context: CommandContext,
  name: string,
  { concurrency, perKey, rate: rateLimit, drain, output }: SetFlags,
): Promise<void> {
  if ([concurrency, perKey, rateLimit, drain].every((flag) => flag === undefined))
    throw new UsageError('give at least one of --concurrency, --per-key, --rate and --drain');
  const api = context.api();
  const current = await api.getQueue(name).catch((error: unknown) => {
    if (error instanceof ProblemError && error.status === 404) return undefined;
    throw error;
  });
  const before = current?.settings ?? UNLIMITED_SETTINGS;
  const settings: QueueSettings = {
    // Settings that a newer store knows stay as they are.
    ...before,
    concurrency: orBefore(concurrency, before.concurrency),
    concurrencyPerKey: perKey ?? before.concurrencyPerKey,
    rateLimit: orBefore(rateLimit, before.rateLimit),
    drain: drain ?? before.drain,
  };
  print(context, output, await api.applyQueue(name, settings, current?.version));
}

function orBefore<Value>(flag: Value | 'none' | undefined, before: Value | null): Value | null {
  if (flag === undefined) return before;
  return flag === 'none' ? null : flag;
}

const UNLIMITED_SETTINGS: QueueSettings = { ...UNLIMITED, rateLimit: null };

function print({ terminal }: CommandContext, output: OutputFormat, queue: Queue): void {
  printRecord(terminal, output, queue, (style) => queuesTable([queue], style));
}
