import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaderElection, Term } from '#common/coordination/leader-election.js';
import type { HintListener } from '#common/database/notifications.js';
import type { QueueRepository } from '#common/database/queue.repository.js';
import { createLogger } from '#common/logging/logger.js';
import type { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import type { Expirer } from './expirer.js';
import type { Feeder } from './feeder.js';
import { LeaderDuties } from './leader-duties.js';
import type { LimitedFeeder } from './limited-feeder.js';
import type { OrderedFeeder } from './ordered-feeder.js';
import type { Pruner } from './pruner.js';
import type { ScheduleFirer } from './schedule-firer.js';
import type { ShardQueues } from './shard-queues.js';
import type { Sweeper } from './sweeper.js';
import type { WorkflowKeeper } from './workflow-keeper.js';

const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });
/** Longer than any test: a duty that sleeps so long moves only when it is rung. */
const HOUR_MS = 3_600_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** The duties of a leader of shard `shard`, whose term begins now. */
function leading({ shard = 0 } = {}) {
  const hints = new EventEmitter();
  const publisher = new EventEmitter();
  const feed = vi.fn<Feeder['feed']>().mockResolvedValue(HOUR_MS);
  const lookBack = vi.fn<Feeder['lookBack']>();
  const sweep = vi.fn<Sweeper['sweep']>().mockResolvedValue(0);
  const fire = vi.fn<ScheduleFirer['fire']>().mockResolvedValue(HOUR_MS);
  const forget = vi.fn<ShardQueues['forget']>();
  const idle = () => Promise.resolve(HOUR_MS);
  const campaigns: ((term: Term) => Promise<void>)[] = [];
  new LeaderDuties(
    shard + 1,
    {
      campaign: (_election: string, lead: (term: Term) => Promise<void>) => void campaigns.push(lead),
    } as unknown as LeaderElection,
    { forget } as unknown as ShardQueues,
    { restoreForgotten: () => Promise.resolve([]) } as unknown as QueueRepository,
    { feed, lookBack } as unknown as Feeder,
    { feed: idle, lookBack: () => {}, wake: () => {} } as unknown as LimitedFeeder,
    { feed: idle } as unknown as OrderedFeeder,
    { fire } as unknown as ScheduleFirer,
    { keep: idle } as unknown as WorkflowKeeper,
    { sweep } as unknown as Sweeper,
    { expire: idle } as unknown as Expirer,
    { prune: idle } as unknown as Pruner,
    publisher as unknown as DeliveryPublisher,
    hints as unknown as HintListener,
    log,
  ).onApplicationBootstrap();
  const end = new AbortController();
  const lead = campaigns[shard];
  if (lead === undefined) throw new Error('the duties do not stand for election');
  const ended = lead({ election: 'e', epoch: 1n, signal: end.signal, fenced: () => {} });
  return {
    hints,
    publisher,
    feed,
    lookBack,
    sweep,
    fire,
    forget,
    /** Whether each sweep so far looked at young deliveries too. */
    suspicions: () => sweep.mock.calls.map(([, , suspicious]) => suspicious),
    endTerm: () => {
      end.abort();
      return ended;
    },
  };
}

/** The same, when what a new leader doubts is settled. */
async function settled() {
  const duties = leading();
  await vi.advanceTimersByTimeAsync(2500);
  duties.sweep.mockClear();
  duties.feed.mockClear();
  duties.lookBack.mockClear();
  return duties;
}

test('a new leader doubts what was handed over, until a look that came half a second later', async () => {
  const { suspicions } = leading();
  await vi.advanceTimersByTimeAsync(2500);
  expect(suspicions()).toEqual([true, true, false]);
});

test.each(['hints', 'publisher'] as const)(
  'when the connection of the %s is back: a sweep that doubts, a look back and the schedules, at once',
  async (name) => {
    const duties = await settled();
    duties.fire.mockClear();
    if (name === 'hints') duties.hints.emit('listening');
    else duties.publisher.emit('connected');
    await vi.advanceTimersByTimeAsync(0);
    expect(duties.suspicions()).toEqual([true]);
    expect(duties.lookBack).toHaveBeenCalledOnce();
    expect(duties.feed).toHaveBeenCalledOnce();
    expect(duties.fire).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(2000);
    expect(duties.suspicions()).toEqual([true, true, false]);
  },
);

test('a feed that failed may have claimed jobs: as soon as feeding works again, they are looked for', async () => {
  const { hints, feed, lookBack, suspicions } = await settled();
  feed.mockRejectedValueOnce(new Error('no answer'));
  hints.emit('work');
  await vi.advanceTimersByTimeAsync(50);
  expect(lookBack).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(50);
  expect(feed).toHaveBeenCalledTimes(3); // The one that failed, its repetition, and the look back.
  expect(lookBack).toHaveBeenCalledOnce();
  expect(suspicions()).toEqual([true]);
});

test('a doubt that comes up while a sweep settles an earlier one outlives that sweep', async () => {
  const { hints, sweep, suspicions } = await settled();
  hints.emit('listening');
  await vi.advanceTimersByTimeAsync(0);
  let answer = (_swept: number) => {};
  sweep.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
  await vi.advanceTimersByTimeAsync(1000);
  hints.emit('listening');
  await vi.advanceTimersByTimeAsync(600);
  expect(suspicions()).toEqual([true, true]);
  answer(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(suspicions()).toEqual([true, true, true]);
});

test('a sweep that failed settles nothing, and what it may have taken back is looked for', async () => {
  const { hints, sweep, lookBack, suspicions } = await settled();
  hints.emit('listening');
  await vi.advanceTimersByTimeAsync(0);
  lookBack.mockClear();
  sweep.mockRejectedValueOnce(new Error('no answer'));
  await vi.advanceTimersByTimeAsync(1000);
  expect(lookBack).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(100);
  expect(suspicions()).toEqual([true, true, true]);
});

test('what was swept is claimed at once; a sweep that took nothing back wakes nobody', async () => {
  const { sweep, feed, lookBack } = await settled();
  await vi.advanceTimersByTimeAsync(1000);
  expect(sweep).toHaveBeenCalledOnce();
  expect(lookBack).not.toHaveBeenCalled();
  sweep.mockResolvedValueOnce(2);
  await vi.advanceTimersByTimeAsync(1000);
  expect(lookBack).toHaveBeenCalledOnce();
  expect(feed).toHaveBeenCalledOnce();
});

test('a queue that changed is read anew', async () => {
  const { hints, forget, feed } = await settled();
  hints.emit('queues');
  await vi.advanceTimersByTimeAsync(0);
  expect(forget).toHaveBeenCalledOnce();
  expect(feed).toHaveBeenCalledOnce();
});

test('only the leader of the first shard fires schedules', async () => {
  const [first, second] = [leading(), leading({ shard: 1 })];
  await vi.advanceTimersByTimeAsync(0);
  expect(first.fire).toHaveBeenCalledOnce();
  expect(second.sweep).toHaveBeenCalledOnce();
  expect(second.fire).not.toHaveBeenCalled();
});

test('the end of the term ends every duty, and hints find nobody', async () => {
  const { hints, publisher, feed, endTerm } = await settled();
  await endTerm();
  hints.emit('work');
  await vi.advanceTimersByTimeAsync(2000);
  expect(feed).not.toHaveBeenCalled();
  expect([...hints.eventNames(), ...publisher.eventNames()]).toEqual([]);
});
