/** Sees jobs change. An interface of one method, so that whatever learns of changes sooner can take the place of looking. */
import { Injectable } from '@nestjs/common';
import { JobRepository } from '#common/database/job.repository.js';
import { isEndState, type Job } from '#common/domain/job.js';
import { Alarm } from '#common/runtime/alarm.js';
import { Batcher } from '#common/runtime/batcher.js';

export abstract class JobWatcher {
  /**
   * The job as it is, then again after each change that was seen; ends after the end state, and when `signal` aborts.
   * Nothing when there is no such job, or no longer.
   * @throws DatabaseUnavailableError
   */
  abstract watch(id: string, signal: AbortSignal): AsyncIterable<Job>;
}

const LOOK_EVERY_MS = 250;
const LOOKED_UP_TOGETHER = 1000;

/** All watchers look at the same moments, so that each look is one statement however many they are. */
@Injectable()
export class PollingJobWatcher extends JobWatcher {
  readonly #looks = new Batcher<string, Job | undefined>({
    flush: async (ids) => {
      const jobs = await this.jobs.getMany([...new Set(ids)]);
      const byId = new Map(jobs.map((job) => [job.id, job]));
      return ids.map((id) => byId.get(id));
    },
    maxItems: LOOKED_UP_TOGETHER,
  });

  constructor(private readonly jobs: JobRepository) {
    super();
  }

  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    const alarm = new Alarm();
    let seen: string | undefined;
    while (!signal.aborted) {
      const job = await this.#looks.add(id.toLowerCase());
      if (job === undefined) return;
      const now = `${job.state} ${job.attempt} ${job.delivery} ${job.cancelRequestedAt?.getTime()}`;
      if (now !== seen) yield job;
      seen = now;
      if (isEndState(job.state)) return;
      await alarm.sleep(LOOK_EVERY_MS - (performance.now() % LOOK_EVERY_MS), signal);
    }
  }
}
