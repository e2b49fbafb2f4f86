/**
 * Fires schedules: makes the jobs of due times that have come, and sleeps until exactly the next one. The leader of the
 * first shard does it for all schedules, wherever their jobs go: firing is one statement for a thousand of them.
 */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { FiringRepository, type DueSchedule, type Planned } from '#common/database/firing.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { planFiring, type FiringPlan } from '#common/domain/firing-plan.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';

/** Schedules looked at in one round. */
const ROUND_SCHEDULES = 2000;
/** Due times decided on in one round, so that schedules which are far behind do not hold up the others. */
const ROUND_OCCURRENCES = 4000;
/** The safety net: without any hint the firer looks this often, in milliseconds. */
const POLL_MS = 1000;
/** How often it looks whether a job has finished that a due time waits for, in milliseconds. */
const WAITING_POLL_MS = 250;

@Injectable()
export class ScheduleFirer {
  constructor(
    private readonly repository: FiringRepository,
    private readonly notifier: Notifier,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** One round. @returns how long nothing will be due, in milliseconds */
  async fire(term: Term): Promise<number> {
    const { schedules, now } = await this.repository.findDue(ROUND_SCHEDULES);
    if (schedules.length > 0) {
      const plans = this.#plan(schedules, now);
      if (plans.length === 0) return POLL_MS;
      const fired = await this.repository.fire(term, plans);
      if (fired === 'fenced') {
        term.fenced();
        return 0;
      }
      for (const jobId of fired.toEnd) this.notifier.send('cancel', jobId);
      // The feeders may be in other processes: one for each shard.
      if (fired.fired > 0) this.notifier.send('work');
      if (fired.fired > 0) this.log.debug('fired schedules', { schedules: fired.moved, jobs: fired.fired });
      return 0;
    }
    const { nextDueInMs, waiting } = await this.repository.nextDue();
    return Math.min(nextDueInMs ?? POLL_MS, waiting ? WAITING_POLL_MS : POLL_MS);
  }

  /** As many as fit into the round; the least overdue first, for they take least. */
  #plan(schedules: readonly DueSchedule[], now: number): Planned[] {
    const plans: Planned[] = [];
    let occurrences = 0;
    for (const schedule of schedules.toSorted((a, b) => (b.nextDueAt ?? now) - (a.nextDueAt ?? now))) {
      const plan = this.#planOne(schedule, now);
      if (plan === undefined) continue;
      plans.push({ schedule, plan });
      occurrences += plan.occurrences.length;
      if (occurrences >= ROUND_OCCURRENCES) break;
    }
    return plans;
  }

  /** A definition that this process cannot read, such as a zone that its engine does not know, must not stop the others. */
  #planOne(schedule: DueSchedule, now: number): FiringPlan | undefined {
    try {
      return planFiring(schedule, now);
    } catch (error) {
      this.log.error('schedule cannot be planned', { schedule: schedule.name, error });
      return undefined;
    }
  }
}
