/** All that a run leaves behind, and all that it is judged by. Times are milliseconds since 1970, on one machine's clock. */

export interface Submission {
  readonly name: string;
  readonly type: 'command' | 'print';
  /** When it was sent first. */
  readonly atMs: number;
  /** ok: acknowledged. failed: refused, or never sent. unknown: no answer, or one that promises nothing. */
  readonly result: 'ok' | 'failed' | 'unknown';
  /** The id in the acknowledgement. */
  readonly jobId: string | undefined;
  /** How often it was sent, always under the same Idempotency-Key. */
  readonly tries: number;
  /** The client asked for its cancellation. */
  readonly cancelAsked: boolean;
  /** Every attempt fails by design. */
  readonly hopeless: boolean;
}

/** What one run of a job's command wrote. */
export interface LedgerRun {
  readonly jobId: string;
  readonly attempt: number;
  readonly pid: number;
  readonly startMs: number;
  /** Undefined when it did not come to its end. */
  readonly end: { readonly atMs: number; readonly exit: number } | undefined;
}

/** A job when everything was over. */
export interface FinalJob {
  readonly id: string;
  readonly name: string | null;
  readonly type: string;
  readonly state: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly createdMs: number;
  readonly finishedMs: number | null;
  /** Numbers of the attempts in its history, in order: those that ended without ending the job. */
  readonly history: readonly number[];
}

/** One change of a job's state, as Postgres recorded it. */
export interface Transition {
  readonly atMs: number;
  readonly jobId: string;
  readonly from: string;
  readonly to: string;
  readonly delivery: number;
  readonly attemptBefore: number;
  readonly attemptAfter: number;
  /** The service that wrote it; null for anybody else. */
  readonly writer: string | null;
  /** The executor that held the job before. */
  readonly owner: string | null;
  /** Who held the newest epoch of the scheduler's election at that moment, */
  readonly feeder: string | null;
  /** and of the reclaimer's. */
  readonly reclaimer: string | null;
}

export interface EpochChange {
  readonly atMs: number;
  readonly election: string;
  readonly epoch: number;
  readonly holder: string;
}

export interface FaultRecord {
  readonly name: string;
  /** It may make a job run twice, as docs/GUARANTEES.md says under "Not promised". */
  readonly mayRepeat: boolean;
  readonly fromMs: number;
  /** When its cause was gone. */
  readonly toMs: number;
  readonly measuredFrom: 'start' | 'end';
  /** Until a fresh job succeeded and the oldest waiting ones moved on; undefined when that took too long. */
  readonly healMs: number | undefined;
  readonly boundMs: number;
  /** After its end, until every service called itself ready; undefined when that took too long. */
  readonly readyMs: number | undefined;
  /** After its end, until nothing that was due still waited; undefined when that took too long. */
  readonly caughtUpMs: number | undefined;
}

/** A delivery that the suite took out of the queue before anybody had it. */
export interface WithdrawnDelivery {
  readonly jobId: string;
  readonly delivery: number;
  readonly atMs: number;
}

export interface ServiceTrouble {
  readonly service: string;
  readonly what: string;
}

export interface Evidence {
  readonly submissions: readonly Submission[];
  readonly ledger: readonly LedgerRun[];
  readonly jobs: readonly FinalJob[];
  readonly transitions: readonly Transition[];
  readonly epochs: readonly EpochChange[];
  readonly faults: readonly FaultRecord[];
  readonly withdrawn: readonly WithdrawnDelivery[];
  /** Services that ended by themselves or not when they were told to, unhandled rejections in logs, answers with status 500. */
  readonly troubles: readonly ServiceTrouble[];
  /** How long an executor's lease lasts. */
  readonly leaseMs: number;
  /** What a measured time may be above its bound. */
  readonly slackMs: number;
}

/** A finding of one checker. The job or fault it is about is named where there is one. */
export interface Violation {
  readonly what: string;
  readonly jobId?: string;
  readonly atMs?: number;
}

/** A checker is a pure function of the evidence. */
export type Checker = (evidence: Evidence) => readonly Violation[];

export const END_STATES: ReadonlySet<string> = new Set(['succeeded', 'dead', 'cancelled', 'expired']);
