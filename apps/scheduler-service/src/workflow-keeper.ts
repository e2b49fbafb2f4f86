/**
 * Keeps workflows going where no single end of a job can: cancellations that go further down, ends that nobody told of,
 * cancelling that a store has only begun; and writes down what became of those that are over. The leader of the first
 * shard does it for all of them.
 */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { Notifier } from '#common/database/notifications.js';
import { WorkflowUpkeepRepository } from '#common/database/workflow-upkeep.repository.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';

/** Ended jobs whose children are told by one statement; each may have many. */
const SETTLE_LIMIT = 200;
const CANCEL_LIMIT = 1000;
/** Open workflows looked at in one round. */
const CLOSE_LIMIT = 500;
/** The safety net: without any hint it looks this often, in milliseconds. */
const POLL_MS = 1000;
/** Pause when there are more open workflows than were looked at, in milliseconds: feeding goes first. */
const MORE_PAUSE_MS = 50;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

@Injectable()
export class WorkflowKeeper {
  #from = BEFORE_ALL;

  constructor(
    private readonly upkeep: WorkflowUpkeepRepository,
    private readonly notifier: Notifier,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** One round. @returns how long to wait before the next, in milliseconds */
  async keep(term: Term): Promise<number> {
    const step = await this.upkeep.settle(term, SETTLE_LIMIT);
    if (step === 'fenced') {
      term.fenced();
      return 0;
    }
    if (step.released) this.notifier.send('work');
    const { cancelled, running } = await this.upkeep.goOnCancelling(term, CANCEL_LIMIT);
    for (const jobId of running) this.notifier.send('cancel', jobId);
    if (step.settled > 0 || cancelled > 0) {
      this.log.debug('settled jobs of workflows', { settled: step.settled, cancelled });
      // There may be a next level, or more of them.
      return 0;
    }
    const { closed, lastId } = await this.upkeep.close(term, this.#from, CLOSE_LIMIT);
    this.#from = lastId ?? BEFORE_ALL;
    if (closed > 0) this.log.debug('closed workflows', { closed });
    return lastId === null ? POLL_MS : MORE_PAUSE_MS;
  }
}
