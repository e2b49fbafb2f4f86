import { expect, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { ExecutorRepository, ExecutorStatus } from '#common/database/executor.repository.js';
import type { ClaimedJob, FeedRepository, QueueDepth } from '#common/database/feed.repository.js';
import type { Delivery } from '#common/domain/job.js';
import type { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Capacity } from './capacity.js';
import { Feeder } from './feeder.js';

const executor = (changes: Partial<ExecutorStatus> = {}): ExecutorStatus => ({
  id: 'e1',
  instance: 'executor-1',
  host: 'here',
  pid: 1,
  slots: 10,
  queues: [],
  types: ['command'],
  meanMs: { command: 100 },
  draining: false,
  running: 0,
  startedAt: new Date(0),
  leaseUntil: new Date(0),
  ...changes,
});
const depth = (changes: Partial<QueueDepth> = {}): QueueDepth => ({
  queue: 'default',
  depth: 0,
  nextDueInMs: -5,
  ...changes,
});
const jobs = (count: number, changes: Partial<ClaimedJob> = {}): ClaimedJob[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `j${n}`,
    delivery: n + 1,
    type: 'command',
    queue: 'default',
    ...changes,
  }));

function setUp(world: {
  executors?: ExecutorStatus[];
  depths?: QueueDepth[];
  claimed?: ClaimedJob[] | 'fenced';
  connected?: boolean;
}) {
  const { executors = [executor()], depths = [depth()], claimed = [], connected = true } = world;
  const claimDue = vi.fn<(term: Term, rooms: ReadonlyMap<string, number>) => Promise<typeof claimed>>(
    async () => claimed,
  );
  const publish = vi.fn<(queue: string, envelopes: readonly (readonly Delivery[])[]) => Promise<void>>();
  const fenced = vi.fn<() => void>();
  const feeder = new Feeder(
    { depths: async () => depths, claimDue } as unknown as FeedRepository,
    { connected, publish } as unknown as DeliveryPublisher,
    new Capacity({ living: async () => executors } as unknown as ExecutorRepository),
  );
  const term: Term = {
    election: 'scheduler/shard-0',
    epoch: 1n,
    signal: new AbortController().signal,
    fenced,
  };
  const feed = () => feeder.feed(term, { number: 0, of: 1 });
  const rooms = () => Object.fromEntries(claimDue.mock.calls[0]?.[1] ?? []);
  return { feed, claimDue, publish, fenced, rooms };
}

test('what is due is claimed as far as there is room, and published', async () => {
  const { feed, rooms, publish } = setUp({ claimed: jobs(2) });
  expect(await feed()).toBe(0);
  expect(rooms()).toEqual({ default: 200 });
  expect(publish).toHaveBeenCalledWith('default', [
    [{ jobId: 'j0', delivery: 1 }],
    [{ jobId: 'j1', delivery: 2 }],
  ]);
});

test('quick jobs in numbers travel in large envelopes', async () => {
  const { feed, publish } = setUp({
    executors: [executor({ meanMs: { command: 0.1 } })],
    claimed: jobs(500),
  });
  await feed();
  expect(publish.mock.calls[0]?.[1].map(({ length }) => length)).toEqual(
    Array.from({ length: 10 }, () => 50),
  );
});

test('each queue is published by itself', async () => {
  const { feed, publish } = setUp({
    depths: [depth(), depth({ queue: 'mail' })],
    claimed: [...jobs(1), ...jobs(1, { queue: 'mail', id: 'm' })],
  });
  await feed();
  expect(
    publish.mock.calls.map(([queue, envelopes]) => [queue, envelopes.flat().map(({ jobId }) => jobId)]),
  ).toEqual([
    ['default', ['j0']],
    ['mail', ['m']],
  ]);
});

test('a queue that is more than half full is left alone, and looked at again soon', async () => {
  const { feed, claimDue } = setUp({ depths: [depth({ depth: 101 })] });
  expect(await feed()).toBe(20);
  expect(claimDue).not.toHaveBeenCalled();
});

test('a queue that is half empty is filled up', async () => {
  const { feed, rooms } = setUp({ depths: [depth({ depth: 100 })] });
  await feed();
  expect(rooms()).toEqual({ default: 100 });
});

test('with nobody to run it nothing is handed over: the backlog waits in Postgres', async () => {
  for (const executors of [[], [executor({ draining: true })], [executor({ queues: ['mail'] })]]) {
    const { feed, claimDue } = setUp({ executors });
    expect(await feed()).toBe(1000);
    expect(claimDue).not.toHaveBeenCalled();
  }
});

test('nothing due: it sleeps until exactly the next due time, a second at most', async () => {
  expect(await setUp({ depths: [depth({ nextDueInMs: 137.5 })] }).feed()).toBe(137.5);
  expect(await setUp({ depths: [depth({ nextDueInMs: 60_000 })] }).feed()).toBe(1000);
  expect(await setUp({ depths: [depth({ nextDueInMs: null })] }).feed()).toBe(1000);
  const several = [depth({ nextDueInMs: 400 }), depth({ queue: 'mail', nextDueInMs: 90 })];
  expect(await setUp({ depths: several }).feed()).toBe(90);
});

test('one claim never takes more than 2,000 of a queue', async () => {
  const { feed, rooms } = setUp({ executors: [executor({ slots: 5000, meanMs: { command: 0.01 } })] });
  await feed();
  expect(rooms()).toEqual({ default: 2000 });
});

test('a leader that is fenced ends its term and publishes nothing', async () => {
  const { feed, fenced, publish } = setUp({ claimed: 'fenced' });
  await feed();
  expect(fenced).toHaveBeenCalledOnce();
  expect(publish).not.toHaveBeenCalled();
});

test('while Redis is away nothing is claimed', async () => {
  const { feed, claimDue } = setUp({ connected: false });
  expect(await feed()).toBe(1000);
  expect(claimDue).not.toHaveBeenCalled();
});

test('a publication that fails is an error, which the sweep heals', async () => {
  const { feed, publish } = setUp({ claimed: jobs(1) });
  publish.mockRejectedValueOnce(new Error('Redis went away'));
  await expect(feed()).rejects.toThrow('Redis went away');
});
