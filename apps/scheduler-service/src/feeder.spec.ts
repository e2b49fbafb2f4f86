import { expect, onTestFinished, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { ExecutorRepository, ExecutorStatus } from '#common/database/executor.repository.js';
import type { ClaimedJob, FeedRepository, Shard, ShardQueue } from '#common/database/feed.repository.js';
import type { QueueRepository } from '#common/database/queue.repository.js';
import type { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { NOTHING_CLAIMED } from '#common/domain/claim-positions.js';
import { SENT_AHEAD_MS, type Envelope } from '#common/queue/envelope.js';
import { createLogger } from '#common/logging/logger.js';
import { Capacity } from './capacity.js';
import { Feeder } from './feeder.js';
import { HandOver } from './hand-over.js';
import { HandedOver } from './handed-over.js';
import { ShardQueues } from './shard-queues.js';

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
  startedAt: new Date(0),
  leaseUntil: new Date(0),
  ...changes,
});
const jobs = (count: number, changes: Partial<ClaimedJob> = {}): ClaimedJob[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `j${n}`,
    delivery: n + 1,
    type: 'command',
    queue: 'default',
    priority: 5,
    runAtMs: n,
    dueInMs: -1,
    ...changes,
  }));

const jobIds = ({ deliveries }: Envelope) => deliveries.map(({ jobId }) => jobId);

const queue = (name: string, changes: Partial<ShardQueue> = {}): ShardQueue => ({
  name,
  paused: false,
  settled: true,
  limited: false,
  drain: 'shared',
  ...changes,
});

function setUp(world: {
  executors?: ExecutorStatus[];
  queues?: (string | ShardQueue)[];
  /** Envelopes that wait in BullMQ. */
  waiting?: number;
  claimed?: ClaimedJob[];
  nextClaimInMs?: number | null | 'fenced' | 'outdated';
  connected?: boolean;
}) {
  const { executors = [executor()], queues = ['default'], claimed = [], connected = true } = world;
  const { waiting = 0, nextClaimInMs = null } = world;
  const claimDue = vi.fn<FeedRepository['claimDue']>(async () => claimed);
  const publish = vi.fn<DeliveryPublisher['publish']>();
  const waitingCount = vi.fn<(queue: string) => Promise<number>>(async () => waiting);
  const fenced = vi.fn<() => void>();
  const publisher = { connected, publish, waitingCount } as unknown as DeliveryPublisher;
  const named = (number: number) => (number === 0 ? queues : [`shard-${number}`]);
  const queuesOf = vi.fn<FeedRepository['queuesOf']>(async ({ number }: Shard) => ({
    queues: named(number).map((one) => (typeof one === 'string' ? queue(one) : one)),
    settingsVersion: '7',
  }));
  const settle = vi.fn<QueueRepository['settle']>();
  const repository = {
    queuesOf,
    claimDue,
    nextClaimInMs: async () => nextClaimInMs,
  } as unknown as FeedRepository;
  const shardQueues = new ShardQueues(repository, { settle } as unknown as QueueRepository);
  const capacity = new Capacity({ living: async () => executors } as unknown as ExecutorRepository);
  const feeder = new Feeder(
    repository,
    shardQueues,
    capacity,
    new HandOver(publisher, capacity, new HandedOver(publisher)),
    createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' }),
  );
  const term: Term = {
    election: 'scheduler/shard-0',
    epoch: 1n,
    signal: new AbortController().signal,
    fenced,
  };
  const feed = (number = 0) => feeder.feed(term, { number, of: 2 });
  const rooms = (call = 0) =>
    Object.fromEntries(claimDue.mock.calls[call]?.[1].map(({ queue, room }) => [queue, room]) ?? []);
  return { feeder, feed, claimDue, publish, waitingCount, fenced, rooms, queuesOf, settle, shardQueues };
}

test('what is due is claimed as far as there is room, and published', async () => {
  const { feed, rooms, publish } = setUp({ claimed: jobs(2) });
  expect(await feed()).toBe(1000);
  expect(rooms()).toEqual({ default: 200 });
  expect(publish).toHaveBeenCalledWith('default', [
    { deliveries: [{ jobId: 'j0', delivery: 1 }], dueInMs: 0 },
    { deliveries: [{ jobId: 'j1', delivery: 2 }], dueInMs: 0 },
  ]);
});

test('quick jobs in numbers travel in large envelopes', async () => {
  const { feed, publish } = setUp({
    executors: [executor({ meanMs: { command: 0.1 } })],
    claimed: jobs(500),
  });
  await feed();
  expect(publish.mock.calls[0]?.[1].map(({ deliveries }) => deliveries.length)).toEqual(
    Array.from({ length: 10 }, () => 50),
  );
});

test('each queue is published by itself', async () => {
  const { feed, publish } = setUp({
    queues: ['default', 'mail'],
    claimed: [...jobs(1), ...jobs(1, { queue: 'mail', id: 'm' })],
  });
  await feed();
  expect(publish.mock.calls.map(([queue, envelopes]) => [queue, envelopes.flatMap(jobIds)])).toEqual([
    ['default', ['j0']],
    ['mail', ['m']],
  ]);
});

test('a queue that is more than half full is left alone, and looked at again soon', async () => {
  const { feed, claimDue } = setUp({ waiting: 101 });
  expect(await feed()).toBe(20);
  expect(claimDue).not.toHaveBeenCalled();
});

test('a queue that is half empty is filled up', async () => {
  const { feed, rooms } = setUp({ waiting: 100 });
  await feed();
  expect(rooms()).toEqual({ default: 100 });
});

test('BullMQ is asked how much waits only when it may be too much', async () => {
  const { feed, rooms, waitingCount } = setUp({ claimed: jobs(60) });
  for (let round = 0; round < 4; round += 1) await feed();
  // 60 and 120 deliveries were handed over: after the second round it may be more than half of 200.
  expect([0, 1, 2].map((round) => rooms(round))).toEqual([
    { default: 200 },
    { default: 140 },
    { default: 200 },
  ]);
  expect(waitingCount).toHaveBeenCalledTimes(2);
});

/** How soon it looks back follows from how long the last look took: none, however busy the machine is. */
function stopTheClock(): void {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
  onTestFinished(() => clock.mockRestore());
}

test('a claim goes on where the one before it ended, each priority by itself', async () => {
  stopTheClock();
  const { feeder, feed, claimDue } = setUp({
    claimed: [...jobs(2, { priority: 3 }), ...jobs(1, { id: 'last', runAtMs: 70 })],
  });
  const positions = (call: number) => claimDue.mock.calls[call]?.[1][0]?.positions;
  await feed();
  await feed();
  expect(positions(0)).toEqual(NOTHING_CLAIMED);
  expect(positions(1)?.[3]).toEqual({ atMs: 1, id: 'j1' });
  expect(positions(1)?.[5]).toEqual({ atMs: 70, id: 'last' });
  expect(positions(1)?.[4]).toEqual(NOTHING_CLAIMED[4]);
  feeder.lookBack();
  await feed();
  expect(positions(2)).toEqual(NOTHING_CLAIMED);
});

test('a look back that is wanted while a claim is under way is not forgotten with its end', async () => {
  stopTheClock();
  const { feeder, feed, claimDue } = setUp({ claimed: [] });
  claimDue.mockImplementationOnce(async () => {
    feeder.lookBack();
    return jobs(1);
  });
  await feed();
  await feed();
  expect(claimDue.mock.calls[1]?.[1][0]?.positions).toEqual(NOTHING_CLAIMED);
});

test('more is claimed at once when a claim took all that was wanted', async () => {
  expect(await setUp({ claimed: jobs(200), nextClaimInMs: 500 }).feed()).toBe(0);
});

test('with nobody to run it nothing is handed over: the backlog waits in Postgres', async () => {
  for (const executors of [[], [executor({ draining: true })], [executor({ queues: ['mail'] })]]) {
    const { feed, claimDue } = setUp({ executors });
    expect(await feed()).toBe(1000);
    expect(claimDue).not.toHaveBeenCalled();
  }
});

test('nothing due: it sleeps until exactly the next due time, a second at most', async () => {
  expect(await setUp({ nextClaimInMs: 137.5 }).feed()).toBe(137.5);
  expect(await setUp({ nextClaimInMs: 60_000 }).feed()).toBe(1000);
  expect(await setUp({ nextClaimInMs: null }).feed()).toBe(1000);
});

test('what is due and cannot be claimed is looked at again soon, and not without a pause', async () => {
  expect(await setUp({ nextClaimInMs: -5 }).feed()).toBe(20);
});

test('after a round that did not look back it does not sleep long', async () => {
  stopTheClock();
  const { feed } = setUp({});
  expect(await feed()).toBe(1000);
  expect(await feed()).toBeLessThanOrEqual(20);
});

test('one claim never takes more than 2,000 of a queue', async () => {
  const { feed, rooms } = setUp({ executors: [executor({ slots: 5000, meanMs: { command: 0.01 } })] });
  await feed();
  expect(rooms()).toEqual({ default: 2000 });
});

test('a leader that is fenced ends its term and publishes nothing', async () => {
  const { feed, fenced, publish } = setUp({ nextClaimInMs: 'fenced' });
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

test('a process that leads two shards feeds each from its own queues', async () => {
  const { feed, rooms } = setUp({});
  await feed(0);
  await feed(1);
  expect([rooms(0), rooms(1)]).toEqual([{ default: 200 }, { 'shard-1': 200 }]);
});

test('what was claimed a moment ahead is handed over shortly before its due time, and before the process ends', async () => {
  const { feeder, feed, publish } = setUp({
    claimed: [...jobs(1), ...jobs(1, { id: 'later', dueInMs: 15 })],
  });
  const startedAt = performance.now();
  await feed();
  expect(publish.mock.calls.flatMap(([, envelopes]) => envelopes.flatMap(jobIds))).toEqual(['j0']);
  await feeder.beforeApplicationShutdown();
  const [, [later] = []] = publish.mock.calls[1] ?? [];
  expect(later && jobIds(later)).toEqual(['later']);
  // Its executor waits for the rest.
  expect(later?.dueInMs).toBeLessThanOrEqual(SENT_AHEAD_MS);
  expect(performance.now() - startedAt + (later?.dueInMs ?? 0)).toBeGreaterThanOrEqual(15);
});

test('queues that are paused, or have limits, are left to others', async () => {
  const { feed, rooms } = setUp({
    queues: ['default', queue('paused', { paused: true }), queue('limited', { limited: true })],
  });
  await feed();
  expect(rooms()).toEqual({ default: 200 });
});

test('a claim names the settings that it was made under, and when they are others it learns of them at once', async () => {
  const { feed, claimDue, queuesOf } = setUp({ nextClaimInMs: 'outdated' });
  expect(await feed()).toBe(0);
  expect(claimDue.mock.calls[0]?.[2]).toBe('7');
  const looks = queuesOf.mock.calls.length;
  await feed();
  expect(queuesOf.mock.calls.length).toBeGreaterThan(looks);
});

test('what nobody has dealt with since a change of settings, the leader deals with', async () => {
  const { feed, settle } = setUp({ queues: [queue('changed', { limited: true, settled: false })] });
  await feed();
  expect(settle.mock.calls).toEqual([['changed']]);
});

test('a look that was under way when the settings changed is not kept', async () => {
  const { queuesOf, shardQueues } = setUp({});
  const term = { election: 'scheduler/shard-0', epoch: 1n } as Term;
  const look = () => shardQueues.look(term, { number: 0, of: 1 }, 1000);
  const early = look();
  shardQueues.forget();
  await early;
  await look();
  await look();
  expect(queuesOf).toHaveBeenCalledTimes(2);
});
