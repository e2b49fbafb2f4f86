import { expect, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { FeedRepository, OverdueDelivery } from '#common/database/feed.repository.js';
import type { Logger } from '#common/logging/logger.js';
import type { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Sweeper } from './sweeper.js';

const overdue = (jobId: string, queue = 'default'): OverdueDelivery => ({ jobId, delivery: 1, queue });

function setUp(world: {
  overdue?: OverdueDelivery[];
  waiting?: Record<string, string[]>;
  marks?: Set<number>;
  connected?: boolean;
  fencedBy?: boolean;
}) {
  const {
    overdue: found = [],
    waiting = {},
    marks = new Set([0]),
    connected = true,
    fencedBy = false,
  } = world;
  const findOverdue = vi.fn<(shard: object, ageMs: number) => Promise<OverdueDelivery[]>>(async () => found);
  const takeBack = vi.fn<(term: Term, lost: readonly OverdueDelivery[]) => Promise<number | 'fenced'>>(
    async (_term, lost) => (fencedBy ? 'fenced' : lost.length),
  );
  const fenced = vi.fn<() => void>();
  const sweeper = new Sweeper(
    { findOverdue, takeBack } as unknown as FeedRepository,
    {
      connected,
      isMarked: async (shard: number) => marks.has(shard),
      mark: async (shard: number) => void marks.add(shard),
      waiting: async (queue: string) => new Set(waiting[queue]),
    } as unknown as DeliveryPublisher,
    { warn: () => undefined } as unknown as Logger,
  );
  const term: Term = {
    election: 'scheduler/shard-0',
    epoch: 1n,
    signal: new AbortController().signal,
    fenced,
  };
  const sweep = (suspicious = false, number = 0) => sweeper.sweep(term, { number, of: 2 }, suspicious);
  const taken = () => takeBack.mock.calls.flatMap(([, lost]) => lost.map(({ jobId }) => jobId));
  const ages = () => findOverdue.mock.calls.map(([, ageMs]) => ageMs);
  return { sweep, findOverdue, takeBack, taken, ages, fenced, marks };
}

test('what the queue does not hold is taken back; what still waits there is not', async () => {
  const { sweep, taken } = setUp({
    overdue: [overdue('a'), overdue('b'), overdue('c', 'mail')],
    waiting: { default: ['a:1'], mail: ['c:2'] },
  });
  expect(await sweep()).toBe(2);
  expect(taken()).toEqual(['b', 'c']);
});

test('nothing lost: nothing is written', async () => {
  const { sweep, takeBack } = setUp({ overdue: [overdue('a')], waiting: { default: ['a:1'] } });
  expect(await sweep()).toBe(0);
  expect(takeBack).not.toHaveBeenCalled();
});

test('usually only old deliveries are suspected; after an outage of Redis, or when it was emptied, young ones too', async () => {
  const age = async (marks: number[], suspicious: boolean) => {
    const { sweep, ages } = setUp({ marks: new Set(marks) });
    await sweep(suspicious);
    return ages()[0];
  };
  expect(await age([0], false)).toBe(3000);
  expect(await age([0], true)).toBe(250);
  expect(await age([], false)).toBe(250);
});

test('every shard finds out for itself that Redis was emptied, and once', async () => {
  const { sweep, ages } = setUp({ marks: new Set() });
  for (const shard of [0, 1, 0, 1]) await sweep(false, shard);
  expect(ages()).toEqual([250, 250, 3000, 3000]);
});

test('that Redis was emptied is known until a look for what was lost has come to its end', async () => {
  const { sweep, ages, findOverdue, takeBack, taken } = setUp({ marks: new Set(), overdue: [overdue('a')] });
  findOverdue.mockRejectedValueOnce(new Error('Postgres is away'));
  await expect(sweep()).rejects.toThrow('away');
  takeBack.mockRejectedValueOnce(new Error('Postgres is away'));
  await expect(sweep()).rejects.toThrow('away');
  expect(await sweep()).toBe(1);
  await sweep();
  expect(ages()).toEqual([250, 250, 250, 3000]);
  expect(taken()).toEqual(['a', 'a', 'a']);
});

test('while Redis is away nobody knows what it holds, so nothing is taken back', async () => {
  const { sweep, findOverdue } = setUp({ connected: false, overdue: [overdue('a')] });
  expect(await sweep()).toBe(0);
  expect(findOverdue).not.toHaveBeenCalled();
});

test('a leader that is fenced ends its term', async () => {
  const { sweep, fenced, marks } = setUp({ marks: new Set(), overdue: [overdue('a')], fencedBy: true });
  expect(await sweep()).toBe(0);
  expect(fenced).toHaveBeenCalledOnce();
  // Its successor has to look yet.
  expect(marks).toEqual(new Set());
});
