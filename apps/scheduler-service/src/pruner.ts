/** Prunes: deletes finished jobs, workflows and entries of the ledger that retention no longer keeps, a little at a time. */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { PruneRepository, type Retention } from '#common/database/prune.repository.js';

/** Jobs looked at in one step: some ten milliseconds of work. */
const STEP = 2000;
/** While there is something to delete, a step is followed by a pause this many times as long: feeding goes first. */
const PAUSE_FACTOR = 2;
/** And at least this long, in milliseconds. */
const MIN_PAUSE_MS = 5;
/** Events deleted in one step; they come faster than jobs do, and cost less. */
const EVENTS_STEP = 20_000;
/** How long events, and what was followed live, are kept, in milliseconds: for listeners that come back. */
const EVENTS_KEPT_MS = 15 * 60_000;
const LIVE_OUTPUT_KEPT_MS = 5 * 60_000;
/** Pause when everything old has been looked at, in milliseconds. */
const ROUND_PAUSE_MS = 60_000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

interface KeptFor extends Retention {
  /** What became of due times, since it was recorded. */
  readonly occurrencesMs: number;
  /** Entries of the audit log. */
  readonly auditMs: number;
}

@Injectable()
export class Pruner {
  #from = BEFORE_ALL;
  #workflowsFrom = BEFORE_ALL;

  constructor(
    private readonly repository: PruneRepository,
    private readonly retention: KeptFor,
  ) {}

  /** One step. @returns how long to wait before the next, in milliseconds */
  async prune(term: Term): Promise<number> {
    const startedAt = performance.now();
    const step = await this.repository.pruneJobs(term, this.retention, this.#from, STEP);
    if (step === 'fenced') {
      term.fenced();
      return 0;
    }
    this.#from = step.lastId ?? BEFORE_ALL;
    const workflows = await this.repository.pruneWorkflows(term, this.#workflowsFrom, STEP);
    this.#workflowsFrom = workflows.lastId ?? BEFORE_ALL;
    const keys = await this.repository.pruneIdempotencyKeys(term, STEP);
    const occurrences = await this.repository.pruneOccurrences(term, this.retention.occurrencesMs, STEP);
    const events = await this.repository.pruneEvents(term, EVENTS_KEPT_MS, EVENTS_STEP);
    const audit = await this.repository.pruneAudit(term, this.retention.auditMs, STEP);
    const isDone = step.lastId === null && workflows.lastId === null;
    if (isDone && keys < STEP && occurrences < STEP && audit < STEP && events < EVENTS_STEP) {
      await this.repository.pruneLiveOutputs(term, LIVE_OUTPUT_KEPT_MS);
      return ROUND_PAUSE_MS;
    }
    return Math.max(MIN_PAUSE_MS, (performance.now() - startedAt) * PAUSE_FACTOR);
  }
}
