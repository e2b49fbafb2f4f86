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
  marked?: boolean;
  connected?: boolean;
  fencedBy?: boolean;
}) {
  const { overdue: found = [], waiting = {}, marked = true, connected = true, fencedBy = false } = world;
  const findOverdue = vi.fn<(shard: object, ageMs: number) => Promise<OverdueDelivery[]>>(async () => found);
  const takeBack = vi.fn<(term: Term, lost: readonly OverdueDelivery[]) => Promise<number | 'fenced'>>(
    async (_term, lost) => (fencedBy ? 'fenced' : lost.length),
  );
  const fenced = vi.fn<() => void>();
  const sweeper = new Sweeper(
    { findOverdue, takeBack } as unknown as FeedRepository,
    {
      connected,
      markPresent: async () => marked,
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
  const sweep = (suspicious = false) => sweeper.sweep(term, { number: 0, of: 1 }, suspicious);
  const taken = () => takeBack.mock.calls.flatMap(([, lost]) => lost.map(({ jobId }) => jobId));
  return { sweep, findOverdue, takeBack, taken, fenced };
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
  const age = async (marked: boolean, suspicious: boolean) => {
    const { sweep, findOverdue } = setUp({ marked });
    await sweep(suspicious);
    return findOverdue.mock.calls[0]?.[1];
  };
  expect(await age(true, false)).toBe(3000);
  expect(await age(true, true)).toBe(250);
  expect(await age(false, false)).toBe(250);
});

test('while Redis is away nobody knows what it holds, so nothing is taken back', async () => {
  const { sweep, findOverdue } = setUp({ connected: false, overdue: [overdue('a')] });
  expect(await sweep()).toBe(0);
  expect(findOverdue).not.toHaveBeenCalled();
});

test('a leader that is fenced ends its term', async () => {
  const { sweep, fenced } = setUp({ overdue: [overdue('a')], fencedBy: true });
  expect(await sweep()).toBe(0);
  expect(fenced).toHaveBeenCalledOnce();
});
