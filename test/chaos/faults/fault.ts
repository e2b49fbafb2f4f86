/** What a fault is to the run: a name, a bound that is promised for it, and how to bring it about and end it. */
import type { Random } from '../random.js';
import type { System } from '../system/system.js';
import type { WithdrawnDelivery } from '../checkers/evidence.js';

/** What a fault harms. Two that harm the same are not injected at once. */
export type Harmed = 'store' | 'scheduler' | 'executor' | 'postgres' | 'redis' | 'zookeeper';

export interface FaultContext {
  readonly system: System;
  /** For choices that are the fault's own. */
  readonly random: Random;
  /** Resolves as soon as a submission is on its way to that store. */
  readonly submissionUnderWay: (url: string) => Promise<void>;
  readonly withdrawn: (delivery: WithdrawnDelivery) => void;
}

/** Ends the fault; resolves when its cause is gone, not when the system has healed. */
export type Undo = () => Promise<void> | void;

export interface Fault {
  readonly name: string;
  readonly harms: Harmed;
  /** How long it lasts, in milliseconds. */
  readonly holdMs: number;
  /**
   * From where the time to heal is measured: from the fault itself where the rest of the system is to take over, from its
   * end where nothing can be done before.
   */
  readonly measuredFrom: 'start' | 'end';
  /** The promise of ARCHITECTURE.md's table. */
  readonly boundMs: number;
  /** An executor may lose its lease, or Postgres what it had not written: jobs can run twice. Nothing else excuses that. */
  readonly mayRepeat?: true;
  /** Needs disks that can be made full. */
  readonly needsSmallDisk?: true;
  readonly inject: (context: FaultContext) => Promise<Undo>;
}
