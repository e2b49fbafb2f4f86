import { expect, test, vi } from 'vitest';
import type { LeasableJobs } from '#common/database/leasing.repository.js';
import { PollNotes } from './poll-notes.js';

const WANTED = { types: ['a'], queues: null };
type Note = (wanted: LeasableJobs, forMs: number) => Promise<void>;
function notes(note = vi.fn<Note>(() => Promise.resolve())) {
  const log = { debug: vi.fn<(message: string, fields: object) => void>() };
  return { note, log, polls: new PollNotes({ note } as never, log as never) };
}

test('a worker that polls in a loop is noted once, not for each request', () => {
  const { note, polls } = notes();
  for (let n = 0; n < 100; n += 1) polls.note(WANTED, 0);
  expect(note.mock.calls).toEqual([[WANTED, 30_000]]);
});

test('who waits longer, or asks for something else, is noted anew', () => {
  const { note, polls } = notes();
  polls.note(WANTED, 0);
  polls.note(WANTED, 60_000);
  polls.note({ types: ['a'], queues: ['q'] }, 0);
  expect(note).toHaveBeenCalledTimes(3);
});

test('a note that was not written is written with the next request, and the request goes on', async () => {
  const { note, log, polls } = notes(vi.fn<Note>(() => Promise.reject(new Error('the database is away'))));
  polls.note(WANTED, 0);
  await vi.waitFor(() => expect(log.debug).toHaveBeenCalled());
  polls.note(WANTED, 0);
  expect(note).toHaveBeenCalledTimes(2);
});
