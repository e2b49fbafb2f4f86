/**
 * Workers that wait for the same jobs, in the order in which they came. One look into the database serves all of them, and
 * while they wait no connection is held: a hint, a new worker, or the time when the next job is due or a queue's rate allows one
 * leads to the next look.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type {
  LeasableJobs,
  Leased,
  LeasedJob,
  LeasingRepository,
  OpenLease,
} from '#common/database/leasing.repository.js';
import { Alarm } from '#common/runtime/alarm.js';
import type { Semaphore } from '#common/runtime/semaphore.js';

/** Most leases that are given out by one statement. */
const LEASES_AT_ONCE = 1000;
/** The safety net: without any hint a line looks this often, in milliseconds. */
const POLL_MS = 1000;
/** After a look that left somebody waiting the line rests, however many hints come in, in milliseconds. */
const REST_MS = { min: 5, max: 100 } as const;
/** How much longer it rests than the look took, so that looks in vain cost little. */
const REST_FACTOR = 4;

/** A worker's request for jobs. */
export class Waiter {
  readonly answer: Promise<readonly LeasedJob[]>;
  #resolve!: (jobs: readonly LeasedJob[]) => void;
  #reject!: (error: unknown) => void;
  /** It waits no longer than until the end of the next look, or of the one that is under way. */
  timeUp = false;
  /** It has its answer, or nobody wants it any more. */
  over = false;

  constructor(readonly leases: readonly OpenLease[]) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(jobs: readonly LeasedJob[]): void {
    this.over = true;
    this.#resolve(jobs);
  }

  fail(error: unknown): void {
    this.over = true;
    this.#reject(error);
  }
}

export class LeaseLine {
  readonly #alarm = new Alarm();
  #waiters: readonly Waiter[] = [];
  #looking = false;
  #serving = false;

  /**
   * @param looks how many lines may look at the same time: connections are needed for other things too
   * @param giveBack what becomes of jobs whose worker has gone in the meantime
   */
  constructor(
    private readonly wanted: LeasableJobs,
    private readonly repository: LeasingRepository,
    private readonly looks: Semaphore,
    private readonly giveBack: (jobs: readonly LeasedJob[]) => void,
    private readonly onEmpty: () => void,
  ) {}

  join(waiter: Waiter): void {
    this.#waiters = [...this.#waiters, waiter];
    this.#alarm.ring();
    if (!this.#serving) void this.#serve();
  }

  /** Jobs may have come in, or limits may have room. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Answers a worker that waits no longer; if somebody is just looking, with what that finds. */
  end(waiter: Waiter): void {
    waiter.timeUp = true;
    if (!this.#looking) this.leave(waiter);
  }

  endAll(): void {
    for (const waiter of this.#waiters) this.end(waiter);
  }

  /** For a worker whose client has gone: what is just being found for it is given back. */
  leave(waiter: Waiter): void {
    if (!waiter.over) waiter.settle([]);
    this.#alarm.ring();
  }

  /** Never rejects. */
  async #serve(): Promise<void> {
    this.#serving = true;
    for (;;) {
      this.#waiters = this.#waiters.filter(({ over }) => !over);
      if (this.#waiters.length === 0) break;
      await this.#serveOnce(this.#waiters);
    }
    this.#serving = false;
    this.onEmpty();
  }

  async #serveOnce(present: readonly Waiter[]): Promise<void> {
    const front = takeFront(present);
    const open = front.flatMap(({ leases }) => leases);
    const startedAt = performance.now();
    let leased: Leased;
    try {
      leased = await this.#look(open);
    } catch (error) {
      for (const waiter of present) if (!waiter.over) waiter.fail(error);
      return;
    }
    const lookedAt = performance.now();
    this.#distribute(front, leased.jobs);
    // More may be due.
    if (leased.jobs.length === open.length) return;
    for (const waiter of present) if (waiter.timeUp && !waiter.over) waiter.settle([]);
    if (present.every(({ over }) => over)) return;

    const restMs = (lookedAt - startedAt) * REST_FACTOR;
    await pause(Math.min(Math.max(restMs, REST_MS.min), REST_MS.max));
    // What cannot be told now is looked at in a second.
    const dueInMs = (await this.repository.nextDueInMs(this.wanted).catch(() => null)) ?? POLL_MS;
    const allowedInMs = (leased.againInMs ?? POLL_MS) - (performance.now() - lookedAt);
    await this.#alarm.sleep(Math.min(Math.max(Math.min(dueInMs, allowedInMs), REST_MS.min), POLL_MS));
  }

  async #look(open: readonly OpenLease[]): Promise<Leased> {
    this.#looking = true;
    const release = await this.looks.acquire();
    try {
      return await this.repository.lease(this.wanted, open);
    } finally {
      this.#looking = false;
      release();
    }
  }

  #distribute(front: readonly Waiter[], jobs: readonly LeasedJob[]): void {
    let from = 0;
    for (const waiter of front) {
      const share = jobs.slice(from, from + waiter.leases.length);
      from += waiter.leases.length;
      if (share.length === 0) return;
      if (waiter.over) this.giveBack(share);
      else waiter.settle(share);
    }
  }
}

/** As many as one statement may serve, and at least one. */
function takeFront(waiters: readonly Waiter[]): Waiter[] {
  let leases = 0;
  const end = waiters.findIndex((waiter, index) => {
    leases += waiter.leases.length;
    return leases > LEASES_AT_ONCE && index > 0;
  });
  return end === -1 ? [...waiters] : waiters.slice(0, end);
}
