import { expect, test, vi } from 'vitest';
import type { Term } from '#common/coordination/leader-election.js';
import type { ExpiryRepository } from '#common/database/expiry.repository.js';
import { createLogger } from '#common/logging/logger.js';
import { Expirer } from './expirer.js';

const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });

async function look(nextInMs: number | null, answer: number | 'fenced' = 0) {
  const expire = vi.fn<ExpiryRepository['expire']>().mockResolvedValue(answer);
  const fenced = vi.fn<() => void>();
  const term: Term = { election: 'e', epoch: 1n, signal: new AbortController().signal, fenced };
  const repository = { nextInMs: () => Promise.resolve(nextInMs), expire } as Partial<ExpiryRepository>;
  const pauseMs = await new Expirer(repository as ExpiryRepository, log).expire(term);
  return { pauseMs, expired: expire.mock.calls.length > 0, fenced: fenced.mock.calls.length > 0 };
}

test('it sleeps until exactly the next job expires', async () => {
  expect(await look(345.2)).toEqual({ pauseMs: 346, expired: false, fenced: false });
});

test('it looks once a second, for jobs that come in meanwhile', async () => {
  expect(await look(null)).toMatchObject({ pauseMs: 1000, expired: false });
  expect(await look(60_000)).toMatchObject({ pauseMs: 1000, expired: false });
});

test('while there is something to end it goes on at once', async () => {
  expect(await look(-1, 3)).toEqual({ pauseMs: 0, expired: true, fenced: false });
});

test('what somebody else holds does not keep it busy', async () => {
  const { pauseMs } = await look(-1, 0);
  expect(pauseMs).toBeGreaterThanOrEqual(20);
});

test('a stale epoch ends the term', async () => {
  expect(await look(-1, 'fenced')).toMatchObject({ fenced: true });
});
