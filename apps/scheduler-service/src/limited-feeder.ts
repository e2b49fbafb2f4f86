/**
 * Feeds the queues that have limits, or jobs with keys. It goes round beside the feeder of all others and at its own pace:
 * a queue that may take nothing delays nobody, and one whose limits are used up is not even looked at until a job of it has
 * ended, or the rate lets the next one go.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import type { Shard } from '#common/database/feed.repository.js';
import { LimitedFeedRepository, type LimitedClaim } from '#common/database/limited-feed.repository.js';
import { ClaimPositions } from '#common/domain/claim-positions.js';
import { LaneRound } from '#common/domain/lane-round.js';
import { Capacity } from './capacity.js';
import { HandOver } from './hand-over.js';
import { ShardQueues } from './shard-queues.js';

/** What is handed over is out of reach of fair turns, so less is kept ready than of other queues; in milliseconds. */
const HORIZON_MS = 250;
/** As in the feeder: pauses while a queue is full, and after a claim that found little, in milliseconds. */
const FULL_PAUSE_MS = 20;
const MAX_GATHER_MS = 5;
/** When somebody else holds a queue's row; in milliseconds. */
const SHORT_PAUSE_MS = 5;
/** Lanes are many, and those that were looked at gave nothing: how soon the next ones are, in milliseconds. */
const NEXT_LANES_PAUSE_MS = 5;
/** After so many such looks it is enough to look now and then. */
const MANY_LOOKS = 64;
const MANY_LOOKS_PAUSE_MS = 100;
const STALE_MS = 500;
/** The safety net: without any hint the feeder looks this often, in milliseconds. */
const POLL_MS = 1000;

/** Hints that end a queue's rest before its time: a job may be due, or one has ended that counted against a limit. */
type Hint = 'work' | 'room';

/** Where the feeder is in one queue. */
interface Progress {
  readonly round: LaneRound;
  /** Not looked at before this, in milliseconds of the monotonic clock. */
  restsUntil: number;
  wakes: readonly Hint[];
  /** Looks in a row that gave nothing although there are more lanes. */
  fruitless: number;
}

@Injectable()
export class LimitedFeeder {
  #positions = new ClaimPositions();
  readonly #progress = new Map<string, Progress>();
  /** When each hint came last: one that comes while a claim is under way counts for what the claim did not see. */
  readonly #heardAt: Record<Hint, number> = { work: -Infinity, room: -Infinity };

  constructor(
    private readonly repository: LimitedFeedRepository,
    private readonly queues: ShardQueues,
    private readonly capacity: Capacity,
    private readonly handOver: HandOver,
  ) {}

  /** Makes the next round look at everything anew: jobs have come in behind, or settings are others. */
  lookBack(): void {
    // As hints do, it counts for a claim that is under way and has not seen those jobs.
    this.#positions = new ClaimPositions();
    this.wake('work');
    this.wake('room');
    for (const progress of this.#progress.values()) progress.restsUntil = 0;
  }

  /** Ends the rest of the queues that wait for work to come, or for room to be made. */
  wake(hint: Hint): void {
    this.#heardAt[hint] = performance.now();
    for (const progress of this.#progress.values())
      if (progress.wakes.includes(hint)) progress.restsUntil = 0;
  }

  /**
   * One round over the limited queues of a shard.
   * @returns how long nothing can be claimed, in milliseconds
   * @throws when Postgres or Redis is away; what was claimed and not published is swept later
   */
  async feed(term: Term, shard: Shard): Promise<number> {
    if (!this.handOver.possible) return POLL_MS;
    const { limited } = await this.queues.look(term, shard, STALE_MS);
    if (limited.length === 0) return POLL_MS;
    await this.capacity.refresh(STALE_MS);
    const startedAt = performance.now();
    const served = this.handOver.served(limited);
    const ready = served.filter((queue) => this.#of(queue).restsUntil <= startedAt);
    if (ready.length > 0) {
      const claims = await this.#claim(term, ready);
      if (claims === 'fenced') {
        term.fenced();
        return 0;
      }
      const jobs = claims.flatMap((claim) => claim.jobs);
      if (jobs.length > 0) {
        await this.handOver.publish(jobs);
        // In a stream of submissions, or of ends, the next ones are taken together.
        await pause(Math.min(performance.now() - startedAt, MAX_GATHER_MS));
      }
    }
    const now = performance.now();
    return Math.max(0, Math.min(POLL_MS, ...served.map((queue) => this.#of(queue).restsUntil - now)));
  }

  /** Claims what the queues that are ready may take, and lets each rest until it may take more. */
  async #claim(term: Term, ready: readonly string[]): Promise<readonly LimitedClaim[] | 'fenced'> {
    const rooms = await this.handOver.rooms(ready, HORIZON_MS);
    const asked = ready.filter((queue) => rooms.has(queue)).toSorted();
    for (const queue of ready) if (!rooms.has(queue)) this.#rest(queue, FULL_PAUSE_MS);
    if (asked.length === 0) return [];

    const startedAt = performance.now();
    const positions = this.#positions;
    const looksBack = positions.lookBackInMs(startedAt) <= 0;
    if (looksBack) positions.forget();
    // A queue that cannot be looked at just now is not among the answers.
    for (const queue of asked) this.#rest(queue, SHORT_PAUSE_MS);
    const claims = await this.repository.claim(
      term,
      asked.map((queue) => {
        const { round, fruitless } = this.#of(queue);
        const { fairnessAfter, keyAfter } = round;
        const room = rooms.get(queue) ?? 0;
        return { queue, room, positions: positions.of(queue), fairnessAfter, keyAfter, many: fruitless > 0 };
      }),
    );
    if (claims === 'fenced') return claims;
    if (looksBack) positions.lookedBack(startedAt, performance.now() - startedAt);
    const lookBackInMs = looksBack ? POLL_MS : positions.lookBackInMs(performance.now());
    for (const claim of claims) {
      positions.advance(claim.jobs.filter(({ unkeyed }) => unkeyed));
      this.#goOn(claim, startedAt, rooms.get(claim.queue) ?? 0, lookBackInMs);
    }
    return claims;
  }

  /** Decides when a queue is looked at again. */
  #goOn(claim: LimitedClaim, startedAt: number, room: number, lookBackInMs: number): void {
    const { queue, jobs, allowed, concurrencyLeft, rateWaitMs, dueInMs, stale } = claim;
    const progress = this.#of(queue);
    const more = progress.round.advance({ ...claim, served: jobs.map(({ fairness }) => fairness) });
    progress.fruitless = more && jobs.length === 0 ? progress.fruitless + 1 : 0;

    if (stale) this.#rest(queue, SHORT_PAUSE_MS);
    else if (concurrencyLeft !== null && concurrencyLeft <= 0)
      this.#restUnless(startedAt, queue, POLL_MS, ['room']);
    else if (rateWaitMs !== null && rateWaitMs > 0) this.#rest(queue, rateWaitMs);
    // It took all it might: of its room, or of what a rate lets wait for its start.
    else if (jobs.length >= allowed) this.#rest(queue, jobs.length >= room ? 0 : FULL_PAUSE_MS);
    else if (more) this.#rest(queue, nextLanesInMs(progress));
    else {
      const ms = Math.min(dueInMs ?? POLL_MS, Math.max(1, lookBackInMs));
      this.#restUnless(startedAt, queue, ms, ['work', 'room']);
    }
  }

  /** Lets a queue rest, unless one of the hints that wake it has come since. */
  #restUnless(since: number, queue: string, ms: number, wakes: readonly Hint[]): void {
    const heard = wakes.some((hint) => this.#heardAt[hint] >= since);
    this.#rest(queue, heard ? 0 : ms, wakes);
  }

  #rest(queue: string, ms: number, wakes: readonly Hint[] = []): void {
    const progress = this.#of(queue);
    progress.restsUntil = performance.now() + ms;
    progress.wakes = wakes;
  }

  #of(queue: string): Progress {
    let progress = this.#progress.get(queue);
    if (progress === undefined) {
      progress = { round: new LaneRound(), restsUntil: 0, wakes: [], fruitless: 0 };
      this.#progress.set(queue, progress);
    }
    return progress;
  }
}

/** When the lanes behind those that were looked at have their turn. */
function nextLanesInMs({ fruitless }: Progress): number {
  if (fruitless === 0) return 0;
  return fruitless < MANY_LOOKS ? NEXT_LANES_PAUSE_MS : MANY_LOOKS_PAUSE_MS;
}
