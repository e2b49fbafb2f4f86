/** Reclaims (T7): the elected leader of the executors takes back the attempts of executors that died. */
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LeaderElection, type Term } from '#common/coordination/leader-election.js';
import { ExecutorRepository } from '#common/database/executor.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { RunRepository, type LostAttempt } from '#common/database/run.repository.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { repeat } from '#common/runtime/repeat.js';

/** Pause between two looks, in milliseconds. With the lease, this bounds how long a lost job waits. */
const LOOK_EVERY_MS = 500;
/** Attempts taken back by one statement. */
const RECLAIM_LIMIT = 500;
/** An executor that was silent for this long and holds nothing is forgotten, in milliseconds. */
const FORGET_AFTER_MS = 60_000;

@Injectable()
export class Reclaimer implements OnApplicationBootstrap {
  constructor(
    private readonly election: LeaderElection,
    private readonly runs: RunRepository,
    private readonly executors: ExecutorRepository,
    private readonly notifier: Notifier,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** Stands for election. The coordination module resigns when the process ends. */
  onApplicationBootstrap(): void {
    this.election.campaign('executor/reclaimer', (term) =>
      repeat({ duty: 'reclaim', signal: term.signal, log: this.log }, () => this.#reclaim(term)),
    );
  }

  async #reclaim(term: Term): Promise<number> {
    const lost = await this.runs.findLost(RECLAIM_LIMIT);
    if (lost.length === 0) {
      await this.executors.forget(FORGET_AFTER_MS);
      return LOOK_EVERY_MS;
    }
    const reclaimed = await this.runs.reclaim(
      term,
      lost.map((attempt) => ({
        jobId: attempt.id,
        delivery: attempt.delivery,
        attempt: attempt.attempt,
        executorId: attempt.executorId,
        decision: decide(attempt, outcomeOf(attempt), Math.random()),
        output: [],
      })),
    );
    if (reclaimed === 'fenced') {
      term.fenced();
      return 0;
    }
    this.log.warn('reclaimed lost attempts', { reclaimed, epoch: term.epoch });
    this.notifier.send('work');
    return reclaimed === 0 ? LOOK_EVERY_MS : 0;
  }
}

function outcomeOf({ executorAlive, executorId }: LostAttempt): Outcome {
  return executorAlive
    ? {
        kind: 'timed_out',
        error: { name: 'Timeout', message: 'was not ended by its executor after its timeout' },
      }
    : {
        kind: 'lost',
        error: {
          name: 'ExecutorLost',
          message: 'the executor did not renew its lease',
          details: { executorId },
        },
      };
}
