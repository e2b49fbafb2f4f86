import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { ExecutorRepository, ExecutorStatus } from '#common/database/executor.repository.js';
import type { FeedRepository } from '#common/database/feed.repository.js';
import type {
  LimitedClaim,
  LimitedFeedRepository,
  LimitedJob,
} from '#common/database/limited-feed.repository.js';
import type { QueueRepository } from '#common/database/queue.repository.js';
import type { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Capacity } from './capacity.js';
import { HandOver } from './hand-over.js';
import { HandedOver } from './handed-over.js';
import { LimitedFeeder } from './limited-feeder.js';
import { ShardQueues } from './shard-queues.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] }));
afterEach(() => void vi.useRealTimers());

const executor = {
  id: 'e1',
  slots: 10,
  queues: [],
  meanMs: {},
  draining: false,
} as unknown as ExecutorStatus;

const jobs = (queue: string, count: number): LimitedJob[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `${queue}-${n}`,
    delivery: 1,
    type: 'command',
    queue,
    priority: 5,
    runAtMs: n,
    dueInMs: 0,
    fairness: '',
    unkeyed: true,
  }));

/** What a queue without limits that gives nothing answers. */
const claim = (queue: string, changes: Partial<LimitedClaim> = {}): LimitedClaim => ({
  queue,
  jobs: [],
  stale: false,
  allowed: 10,
  concurrencyLeft: null,
  rateWaitMs: null,
  dueInMs: null,
  lastFairness: null,
  fairnessCut: false,
  cutAtKey: null,
  ...changes,
});

type Answer = Partial<LimitedClaim>;

/** @param answers what each queue answers; looked up anew at each claim */
function setUp(
  answers: Record<string, Answer | 'not now'>,
  world: { plain?: string[]; waiting?: number } = {},
) {
  const repositoryClaim = vi.fn<LimitedFeedRepository['claim']>(async (_term, wanted) =>
    wanted.flatMap(({ queue }) => {
      const answer = answers[queue];
      return answer === undefined || answer === 'not now' ? [] : [claim(queue, answer)];
    }),
  );
  const publish = vi.fn<DeliveryPublisher['publish']>();
  const publisher = {
    connected: true,
    publish,
    waitingCount: async () => world.waiting ?? 0,
  } as unknown as DeliveryPublisher;
  const capacity = new Capacity({ living: async () => [executor] } as unknown as ExecutorRepository);
  const queue = (name: string, limited: boolean) => ({
    name,
    limited,
    paused: false,
    settled: true,
    drain: 'shared',
  });
  const queues = new ShardQueues(
    {
      queuesOf: async () => ({
        queues: [
          ...Object.keys(answers).map((name) => queue(name, true)),
          ...(world.plain ?? []).map((name) => queue(name, false)),
        ],
        settingsVersion: '0',
      }),
    } as unknown as FeedRepository,
    {} as QueueRepository,
  );
  const feeder = new LimitedFeeder(
    { claim: repositoryClaim } as unknown as LimitedFeedRepository,
    queues,
    capacity,
    new HandOver(publisher, capacity, new HandedOver(publisher)),
  );
  const fenced = vi.fn<() => void>();
  const term = { election: 'scheduler/shard-0', epoch: 1n, fenced } as unknown as Term;
  const feed = async () => {
    const fed = feeder.feed(term, { number: 0, of: 1 });
    await vi.advanceTimersByTimeAsync(5);
    return fed;
  };
  const asked = () => repositoryClaim.mock.calls.map(([, wanted]) => wanted.map((one) => one.queue));
  return { feeder, feed, asked, publish, fenced, repositoryClaim, answers };
}

test('where no queue has limits nothing is asked', async () => {
  const { feed, asked } = setUp({}, { plain: ['default'] });
  expect(await feed()).toBe(1000);
  expect(asked()).toEqual([]);
});

test('what is claimed is published in the order of the claim', async () => {
  const { feed, publish } = setUp({ limited: { jobs: jobs('limited', 2), concurrencyLeft: 3 } });
  await feed();
  expect(publish.mock.calls).toEqual([
    [
      'limited',
      [
        { deliveries: [{ jobId: 'limited-0', delivery: 1 }], dueInMs: 0 },
        { deliveries: [{ jobId: 'limited-1', delivery: 1 }], dueInMs: 0 },
      ],
    ],
  ]);
});

describe('a queue whose concurrency is used up', () => {
  const world = { full: { allowed: 0, concurrencyLeft: 0 } };

  test('is not asked again because jobs come in, only when one of a limited queue ends', async () => {
    const { feeder, feed, asked } = setUp(world);
    expect(await feed()).toBeGreaterThan(900);
    for (let n = 0; n < 5; n += 1) {
      feeder.wake('work');
      await feed();
    }
    expect(asked()).toHaveLength(1);
    feeder.wake('room');
    await feed();
    expect(asked()).toHaveLength(2);
  });

  test('is asked after a second all the same: a hint may be lost', async () => {
    const { feed, asked } = setUp(world);
    await feed();
    await vi.advanceTimersByTimeAsync(1000);
    await feed();
    expect(asked()).toHaveLength(2);
  });

  test('is asked again when a job ended while it was asked', async () => {
    const { feeder, feed, asked, repositoryClaim } = setUp(world);
    repositoryClaim.mockImplementationOnce(async () => {
      feeder.wake('room');
      return [claim('full', world.full)];
    });
    expect(await feed()).toBe(0);
    await feed();
    expect(asked()).toHaveLength(2);
  });

  test('does not keep the others from being asked', async () => {
    const { feeder, feed, asked } = setUp({ ...world, free: {} });
    await feed();
    feeder.wake('work');
    await feed();
    expect(asked()).toEqual([['free', 'full'], ['free']]);
  });
});

test('a queue that waits for its rate is asked again exactly then, whatever hints come', async () => {
  const { feeder, feed, asked } = setUp({ rated: { allowed: 0, rateWaitMs: 137 } });
  expect(await feed()).toBe(137);
  feeder.wake('work');
  feeder.wake('room');
  await feed();
  expect(asked()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(132);
  await feed();
  expect(asked()).toHaveLength(2);
});

test('where a rate waits for starts, it is asked again soon and does not spin', async () => {
  const { feed } = setUp({ rated: { allowed: 0, rateWaitMs: -3 } });
  expect(await feed()).toBe(20);
});

test('a queue that gave less than it might sleeps until its next job is due', async () => {
  const { feed } = setUp({ idle: { dueInMs: 250 } });
  expect(await feed()).toBe(250);
});

test('a queue that gave all that was wanted is asked again at once', async () => {
  const { feed } = setUp({ busy: { jobs: jobs('busy', 30), allowed: 30 } });
  expect(await feed()).toBe(0);
});

test('a queue that could not be looked at is asked again soon', async () => {
  const { feed, asked } = setUp({ held: 'not now', free: {} });
  await feed();
  await feed();
  expect(asked()).toEqual([['free', 'held'], ['held']]);
});

test('lanes that have not been looked at have their turn next, and many that give nothing do not make it spin', async () => {
  const { feed, repositoryClaim } = setUp({
    keyed: { lastFairness: 'm', fairnessCut: true, cutAtKey: 'k' },
  });
  await feed();
  await feed();
  expect(repositoryClaim.mock.calls[1]?.[1]).toMatchObject([{ fairnessAfter: 'm', keyAfter: 'k' }]);
  for (let n = 0; n < 70; n += 1) {
    await feed();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(await feed()).toBe(100);
});

test('less is kept ready of a limited queue than of others, so that turns are taken late', async () => {
  const { feed, repositoryClaim } = setUp({ fair: {} });
  await feed();
  // A quarter of a second for ten slots of jobs that take a hundred milliseconds.
  expect(repositoryClaim.mock.calls[0]?.[1]).toMatchObject([{ room: 30 }]);
});

test('a queue of which enough waits in BullMQ is left alone for a moment', async () => {
  const { feed, asked } = setUp({ fair: {} }, { waiting: 30 });
  expect(await feed()).toBe(20);
  expect(asked()).toEqual([]);
});

test('a leader that is fenced ends its term and publishes nothing', async () => {
  const { feed, fenced, publish, repositoryClaim } = setUp({ limited: {} });
  repositoryClaim.mockResolvedValueOnce('fenced');
  await feed();
  expect(fenced).toHaveBeenCalledOnce();
  expect(publish).not.toHaveBeenCalled();
});

test('after a change of settings every queue is asked at once', async () => {
  const { feeder, feed, asked } = setUp({ full: { allowed: 0, concurrencyLeft: 0 } });
  await feed();
  feeder.lookBack();
  await feed();
  expect(asked()).toHaveLength(2);
});
