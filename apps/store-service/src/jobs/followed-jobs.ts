/**
 * The jobs whose output somebody follows at this store. Executors are told again and again as long as somebody does: a
 * hint may be lost, and an executor may be new.
 */
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HintListener, Notifier } from '#common/database/notifications.js';
import type { Alarm } from '#common/runtime/alarm.js';

/** Three times in the time for which executors remember it, in milliseconds. */
const REPEAT_MS = 2000;
/** How long a job is taken for followed, here or elsewhere, after the last that was heard of it, in milliseconds. */
const FOLLOWED_MS = 3 * REPEAT_MS;

interface Followed {
  readonly alarms: Set<Alarm>;
  readonly timer: NodeJS.Timeout;
}

@Injectable()
export class FollowedJobs implements OnApplicationBootstrap {
  readonly #jobs = new Map<string, Followed>();
  /** Until when jobs are followed, at whichever store. */
  readonly #anywhereUntil = new Map<string, number>();

  constructor(
    private readonly hints: HintListener,
    private readonly notifier: Notifier,
  ) {}

  onApplicationBootstrap(): void {
    this.hints.on('output', (jobId) => this.#ring(jobId));
    this.hints.on('follow', (jobId) => this.#hear(jobId));
    this.hints.on('listening', () => {
      for (const jobId of this.#jobs.keys()) this.#ring(jobId);
    });
  }

  /** Rings `alarm` when the job has written something, until what it returns is called. */
  follow(jobId: string, alarm: Alarm): () => void {
    let followed = this.#jobs.get(jobId);
    if (followed === undefined) {
      const ask = () => this.notifier.send('follow', jobId);
      followed = { alarms: new Set(), timer: setInterval(ask, REPEAT_MS).unref() };
      this.#jobs.set(jobId, followed);
      ask();
    }
    const { alarms, timer } = followed;
    alarms.add(alarm);
    return () => {
      alarms.delete(alarm);
      if (alarms.size > 0) return;
      clearInterval(timer);
      this.#jobs.delete(jobId);
    };
  }

  /** A job has written something of which no executor tells: it is run by a worker outside. */
  tell(jobId: string): void {
    if (this.#anywhereUntil.size > 0 && this.#anywhereUntil.has(jobId)) this.notifier.send('output', jobId);
  }

  #hear(jobId: string): void {
    const now = performance.now();
    for (const [id, until] of this.#anywhereUntil) if (until < now) this.#anywhereUntil.delete(id);
    this.#anywhereUntil.set(jobId, now + FOLLOWED_MS);
  }

  #ring(jobId: string): void {
    for (const alarm of this.#jobs.get(jobId)?.alarms ?? []) alarm.ring();
  }
}
