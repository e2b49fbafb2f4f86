/** What can be done with queues, for every door that leads here. */
import { isDeepStrictEqual } from 'node:util';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HintListener } from '#common/database/notifications.js';
import { QueueRepository, type Queue } from '#common/database/queue.repository.js';
import type { QueueSettings } from '#common/domain/queue.js';
import type { Caller } from '../access/caller.js';
import { Problem } from '../http/problem.js';
import { presentQueue } from './queue.presenter.js';
import type { QueuePageView, QueueView } from './queue.views.js';

export interface AppliedQueue {
  readonly applied: 'created' | 'updated' | 'unchanged';
  readonly queue: Queue;
}

/** How often a request that insists on no version tries anew after another one was quicker. */
const MAX_TRIES = 5;

@Injectable()
export class QueueService implements OnApplicationBootstrap {
  constructor(
    private readonly queues: QueueRepository,
    private readonly hints: HintListener,
  ) {}

  /** A queue that was deleted comes into being again with the next job. */
  onApplicationBootstrap(): void {
    this.hints.on('queues', () => this.queues.forgetNames()).on('listening', () => this.queues.forgetNames());
  }

  /** @throws Problem not-found */
  async get(name: string, caller: Caller): Promise<Queue> {
    caller.requireQueue(name);
    const queue = await this.queues.get(name);
    if (queue === undefined) throw new Problem('not-found', `There is no queue named ${name}.`);
    return queue;
  }

  /** How many of its jobs wait for their time or for an executor; each of the two is counted as far as counting is cheap. */
  async waiting(name: string): Promise<number> {
    const { scheduled = 0, queued = 0 } = (await this.queues.counts([name]))(name);
    return scheduled + queued;
  }

  async present(queue: Queue): Promise<QueueView> {
    const [view] = await this.#presentAll([queue]);
    return view as QueueView;
  }

  /** One page, by name, and the name to go on from when there is more. */
  async list(after: string | undefined, limit: number, { queuePatterns }: Caller): Promise<QueuePageView> {
    const queues = await this.queues.list(after, limit + 1, queuePatterns);
    const page = queues.slice(0, limit);
    return {
      queues: await this.#presentAll(page),
      nextAfter: queues.length > limit ? (page.at(-1)?.name ?? null) : null,
    };
  }

  async #presentAll(queues: readonly Queue[]): Promise<QueueView[]> {
    const counts = await this.queues.counts(queues.map(({ name }) => name));
    return queues.map((queue) => presentQueue(queue, counts(queue.name)));
  }

  /**
   * Makes the settings of a queue be as given, and the queue with them if there is none; a pause stays as it is. When it
   * resolves they are in force. The same settings a second time change nothing.
   * @param version refuse when the queue has another one
   */
  async apply(
    name: string,
    settings: QueueSettings,
    version: number | undefined,
    caller: Caller,
  ): Promise<AppliedQueue> {
    caller.requireQueue(name);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const current = await this.queues.get(name);
      if (version !== undefined && current?.version !== version) throw changed(name);
      if (current === undefined) {
        const created = await this.queues.create(name, settings);
        if (created !== 'taken') return { applied: 'created', queue: created };
      } else if (isDeepStrictEqual(settingsOf(current), settings)) {
        return { applied: 'unchanged', queue: current };
      } else {
        const updated = await this.queues.change(current, settings);
        if (updated !== 'stale') return { applied: 'updated', queue: updated };
      }
    }
    throw new Problem('conflict', `The queue ${name} is being changed by others all the time. Try again.`);
  }

  /** When it resolves after a pause, nothing of the queue starts any more. Jobs that run go on. */
  async setPaused(name: string, paused: boolean, caller: Caller): Promise<Queue> {
    caller.requireQueue(name);
    const queue = await this.queues.setPaused(name, paused);
    if (queue === undefined) throw new Problem('not-found', `There is no queue named ${name}.`);
    return queue;
  }

  /** @throws Problem conflict when it has jobs that are scheduled, queued or running */
  async delete(name: string, version: number | undefined, caller: Caller): Promise<Queue> {
    caller.requireQueue(name);
    const deleted = await this.queues.delete(name, version);
    if (deleted !== undefined) return deleted;
    const current = await this.get(name, caller);
    if (version !== undefined && version !== current.version) throw changed(name);
    throw new Problem(
      'conflict',
      `The queue ${name} has jobs that are scheduled, queued or running; only an empty one can be deleted.`,
    );
  }
}

function settingsOf({ concurrency, concurrencyPerKey, rateLimit, drain }: Queue): QueueSettings {
  return { concurrency, concurrencyPerKey, rateLimit, drain };
}

function changed(name: string): Problem {
  return new Problem(
    'precondition-failed',
    `The queue ${name} has changed since it was looked at, or is gone. Look again, and decide anew.`,
  );
}
