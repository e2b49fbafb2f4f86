/**
 * Measures how long the system needs to be itself again: until a job that was submitted afresh has succeeded, what was
 * running has come to an end or was taken back, and the jobs that had waited longest have started.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { System } from '../system/system.js';
import type { Client } from './client.js';

const LOOK_EVERY_MS = 50;
/** A job that has waited no longer than this is not behind, in milliseconds. */
const BEHIND_MS = 500;
/** A canary is sent this often while none has come through, in milliseconds. */
const CANARY_EVERY_MS = 250;
/** A store that does not answer a canary sooner is no good sign, in milliseconds. */
const CANARY_ANSWER_MS = 2000;
/** After this long a fault counts as not healed, in milliseconds. */
const GIVE_UP_MS = 60_000;

/** A job that has to move on: it is no longer in that state with that attempt and delivery. */
interface Stuck {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly delivery: number;
}

/** What runs, the oldest hand-over that was not started, and the job that should be handed over next. */
const MUST_MOVE_ON = `
(SELECT id, state, attempt, delivery FROM jobs WHERE state = 'running')
UNION ALL
(SELECT id, state, attempt, delivery FROM jobs WHERE state = 'queued' ORDER BY queued_at LIMIT 1)
UNION ALL
(SELECT id, state, attempt, delivery FROM jobs WHERE state = 'scheduled' AND run_at <= now()
 ORDER BY priority, run_at, id LIMIT 1)`;

const STILL_STUCK = `
SELECT 1 FROM jobs JOIN unnest($1::uuid[], $2::text[], $3::int[], $4::int[]) AS s(id, state, attempt, delivery)
  ON jobs.id = s.id AND jobs.attempt = s.attempt AND jobs.state = s.state
    AND (jobs.state <> 'queued' OR jobs.delivery = s.delivery)
LIMIT 1`;

const BEHIND = `
(SELECT 1 FROM jobs WHERE state = 'queued' AND queued_at < now() - make_interval(secs => $1 / 1000.0) LIMIT 1)
UNION ALL
(SELECT 1 FROM jobs WHERE state = 'scheduled' AND run_at < now() - make_interval(secs => $1 / 1000.0) LIMIT 1)`;

const SUCCEEDED = `SELECT 1 FROM jobs WHERE id = ANY ($1::uuid[]) AND state = 'succeeded' LIMIT 1`;

export class Recovery {
  #canaries = 0;

  constructor(
    private readonly system: System,
    private readonly client: Client,
  ) {}

  /** Milliseconds from `sinceMs` (now, or a moment ago); undefined when it took too long. */
  async measure(sinceMs: number): Promise<number | undefined> {
    const deadline = sinceMs + GIVE_UP_MS;
    const acknowledged: string[] = [];
    let stuck: readonly Stuck[] | undefined;
    let nextCanaryAt = 0;
    while (Date.now() < deadline) {
      if (Date.now() >= nextCanaryAt) {
        nextCanaryAt = Date.now() + CANARY_EVERY_MS;
        void this.#sendCanary().then((id) => id !== undefined && acknowledged.push(id));
      }
      try {
        stuck ??= await this.system.query<Stuck>(MUST_MOVE_ON);
        if (await this.#isHealed(stuck, acknowledged)) return Date.now() - sinceMs;
      } catch {
        // Postgres does not answer; it has not healed yet.
      }
      await pause(LOOK_EVERY_MS);
    }
    return undefined;
  }

  async #isHealed(stuck: readonly Stuck[], acknowledged: readonly string[]): Promise<boolean> {
    const through = await this.system.query(SUCCEEDED, [acknowledged]);
    if (through.length === 0) return false;
    const still = await this.system.query(STILL_STUCK, [
      stuck.map(({ id }) => id),
      stuck.map(({ state }) => state),
      stuck.map(({ attempt }) => attempt),
      stuck.map(({ delivery }) => delivery),
    ]);
    return still.length === 0;
  }

  /** How long until all services call themselves ready; undefined when that took too long. */
  async measureReadiness(): Promise<number | undefined> {
    const startedAt = Date.now();
    while (Date.now() - startedAt < GIVE_UP_MS) {
      if (await this.system.allReady()) return Date.now() - startedAt;
      await pause(LOOK_EVERY_MS);
    }
    return undefined;
  }

  /**
   * Milliseconds from `sinceMs` until what piled up has been started, and nothing was late again until `over` is settled;
   * undefined when it took too long.
   */
  async measureCatchingUp(sinceMs: number, over: Promise<unknown>): Promise<number | undefined> {
    let watched = true;
    void over.finally(() => (watched = false));
    let lastBehindMs = sinceMs;
    while (lastBehindMs - sinceMs < GIVE_UP_MS) {
      // Who cannot ask does not know better than that.
      const behind = await this.system.query(BEHIND, [BEHIND_MS]).catch(() => [undefined]);
      if (behind.length > 0) lastBehindMs = Date.now();
      else if (!watched) return lastBehindMs - sinceMs;
      await pause(LOOK_EVERY_MS);
    }
    return undefined;
  }

  /** In a queue of its own, so that no backlog stands before it. */
  #sendCanary(): Promise<string | undefined> {
    this.#canaries += 1;
    const name = `canary-${this.#canaries}`;
    return this.client.submit(
      { name, type: 'print', persistent: false, body: { queue: 'canary', payload: { text: name } } },
      CANARY_ANSWER_MS,
    );
  }
}
