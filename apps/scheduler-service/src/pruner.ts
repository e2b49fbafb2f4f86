/** Prunes: deletes finished jobs, and entries of the ledger, that retention no longer keeps, a little at a time. */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { PruneRepository, type Retention } from '#common/database/prune.repository.js';

/** Jobs looked at in one step. */
const STEP = 1000;
/** Pause between two steps while there is something to delete, in milliseconds: feeding goes first. */
const STEP_PAUSE_MS = 50;
/** Pause when everything old has been looked at, in milliseconds. */
const ROUND_PAUSE_MS = 60_000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

@Injectable()
export class Pruner {
  #from = BEFORE_ALL;

  constructor(
    private readonly repository: PruneRepository,
    private readonly retention: Retention,
  ) {}

  /** One step. @returns how long to wait before the next, in milliseconds */
  async prune(term: Term): Promise<number> {
    const step = await this.repository.pruneJobs(term, this.retention, this.#from, STEP);
    if (step === 'fenced') {
      term.fenced();
      return 0;
    }
    this.#from = step.lastId ?? BEFORE_ALL;
    const keys = await this.repository.pruneIdempotencyKeys(term, STEP);
    const occurrences = await this.repository.pruneOccurrences(term, this.retention.occurrencesMs, STEP);
    return step.lastId === null && keys < STEP && occurrences < STEP ? ROUND_PAUSE_MS : STEP_PAUSE_MS;
  }
}
