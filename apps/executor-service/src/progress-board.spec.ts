import { expect, test } from 'vitest';
import type { AttemptProgress } from '#common/domain/progress.js';
import { ProgressBoard } from './progress-board.js';

const told = (jobId: string, percent: number): AttemptProgress => ({
  jobId,
  delivery: 1,
  attempt: 1,
  percent,
  message: null,
});

function recorder() {
  const written: AttemptProgress[][] = [];
  const write = (batch: readonly AttemptProgress[]) => {
    written.push([...batch]);
    return Promise.resolve();
  };
  return { written, write };
}

test('only the latest of each job is written, all in one go, and nothing twice', async () => {
  const board = new ProgressBoard();
  const { written, write } = recorder();
  for (let percent = 0; percent <= 100; percent += 1) board.tell(told('a', percent));
  board.tell(told('b', 5));
  await board.flush(write);
  await board.flush(write);
  expect(written).toEqual([[told('a', 100), told('b', 5)]]);
});

test('what could not be written is written next time, unless something newer was told', async () => {
  const board = new ProgressBoard();
  const { written, write } = recorder();
  board.tell(told('a', 10));
  board.tell(told('b', 20));
  const failing = board.flush(() => {
    board.tell(told('a', 30));
    return Promise.reject(new Error('away'));
  });
  await expect(failing).rejects.toThrow('away');
  await board.flush(write);
  expect(written).toEqual([[told('a', 30), told('b', 20)]]);
});
