import { expect, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { Notifier } from '#common/database/notifications.js';
import type { WorkflowUpkeepRepository } from '#common/database/workflow-upkeep.repository.js';
import type { Logger } from '#common/logging/logger.js';
import { WorkflowKeeper } from './workflow-keeper.js';

function setUp(world: Partial<Record<'settle' | 'goOnCancelling' | 'close', unknown>> = {}) {
  const send = vi.fn<(...hint: string[]) => void>();
  const fenced = vi.fn<() => void>();
  const close = vi.fn<(term: Term, from: string) => Promise<unknown>>(
    async () => world.close ?? { closed: 0, lastId: null },
  );
  const upkeep = {
    settle: async () => world.settle ?? { settled: 0, released: false },
    goOnCancelling: async () => world.goOnCancelling ?? { cancelled: 0, running: [] },
    close,
  } as unknown as WorkflowUpkeepRepository;
  const log = { debug: () => undefined } as unknown as Logger;
  const keeper = new WorkflowKeeper(upkeep, { send } as unknown as Notifier, log);
  const term: Term = {
    election: 'scheduler/shard-0',
    epoch: 1n,
    signal: new AbortController().signal,
    fenced,
  };
  return { keep: () => keeper.keep(term), send, fenced, close };
}

test('with nothing to do it looks again in a second', async () => {
  const { keep, send } = setUp();
  expect(await keep()).toBe(1000);
  expect(send).not.toHaveBeenCalled();
});

test('after it has settled some it looks at once for the next level, and wakes the feeder for what is due', async () => {
  const { keep, send } = setUp({ settle: { settled: 3, released: true } });
  expect(await keep()).toBe(0);
  expect(send.mock.calls).toEqual([['work']]);
});

test('executors are told of the jobs that run and are to end', async () => {
  const { keep, send } = setUp({ goOnCancelling: { cancelled: 2, running: ['a'] } });
  expect(await keep()).toBe(0);
  expect(send.mock.calls).toEqual([['cancel', 'a']]);
});

test('many open workflows are looked at in turn, beginning anew after the last', async () => {
  const { keep, close } = setUp();
  const froms = () => close.mock.calls.map(([, from]) => from);
  close.mockResolvedValueOnce({ closed: 1, lastId: 'w500' });
  expect(await keep()).toBeLessThan(100);
  expect(await keep()).toBe(1000);
  await keep();
  expect(froms()).toEqual([froms()[0], 'w500', froms()[0]]);
});

test('a leader that is fenced ends its term', async () => {
  const { keep, fenced, close } = setUp({ settle: 'fenced' });
  await keep();
  expect(fenced).toHaveBeenCalledOnce();
  expect(close).not.toHaveBeenCalled();
});
