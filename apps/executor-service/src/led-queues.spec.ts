import { expect, test, vi } from 'vitest';
import { LeaderElection, type Campaign, type Term } from '#common/coordination/leader-election.js';
import { createLogger } from '#common/logging/logger.js';
import { eventually } from '../../../test/support/eventually.js';
import { LedQueues } from './led-queues.js';

const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });

/** An election whose terms the test begins and ends. */
class ScriptedElection extends LeaderElection {
  readonly stands: string[] = [];
  readonly #leads = new Map<string, (term: Term) => Promise<void>>();
  readonly #terms = new Map<string, AbortController>();

  override campaign(election: string, lead: (term: Term) => Promise<void>): Campaign {
    this.stands.push(election);
    this.#leads.set(election, lead);
    return {
      state: 'standby',
      resign: async () => this.end(election),
    };
  }

  begin(election: string): void {
    const term = new AbortController();
    this.#terms.set(election, term);
    void this.#leads.get(election)?.({
      election,
      epoch: 1n,
      signal: term.signal,
      fenced: () => term.abort(),
    });
  }

  end(election: string): void {
    this.#terms.get(election)?.abort();
  }
}

function setUp() {
  const election = new ScriptedElection();
  const drained = new Set<string>();
  const consumer = {
    drain: vi.fn<(queue: string) => void>((queue) => void drained.add(queue)),
    release: vi.fn<(queue: string) => void>((queue) => void drained.delete(queue)),
  };
  return { election, drained, consumer, led: new LedQueues(election, consumer, log) };
}
const ELECTION = 'executor/queues/orders';

test('a queue is drained while it is led here, and at no other time', async () => {
  const { election, drained, led } = setUp();
  led.stand('orders');
  led.stand('orders');
  expect(election.stands).toEqual([ELECTION]);
  expect([...drained]).toEqual([]);
  election.begin(ELECTION);
  expect([...drained]).toEqual(['orders']);
  election.end(ELECTION);
  await eventually(() => drained.size === 0);
  election.begin(ELECTION);
  expect([...drained]).toEqual(['orders']);
});

test('a term that is over when it begins leaves nothing drained', async () => {
  const { drained, election, led } = setUp();
  led.stand('orders');
  election.begin(ELECTION);
  election.end(ELECTION);
  await eventually(() => drained.size === 0);
});

test('a queue that is shared from now on is not released behind the back of those who drain it now', async () => {
  const { election, consumer, led } = setUp();
  led.stand('orders');
  led.stand('invoices');
  election.begin(ELECTION);
  expect(led.keepOnly(new Set(['invoices']))).toEqual(['orders']);
  await new Promise(setImmediate);
  expect(consumer.release).not.toHaveBeenCalled();
  expect(led.keepOnly(new Set(['invoices']))).toEqual([]);
  led.stand('orders');
  expect(election.stands).toEqual([ELECTION, 'executor/queues/invoices', ELECTION]);
});
