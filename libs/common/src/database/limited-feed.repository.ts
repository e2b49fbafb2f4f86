/** The scheduler leader's claims of queues that have limits, or jobs with keys. */
import { Injectable } from '@nestjs/common';
import { wantedColumns, type ClaimedJob, type WantedJobs } from './feed.repository.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { CLAIM_LIMITED } from './limited-claim-statement.js';
import { PrismaService } from './prisma.service.js';

/** A limited queue of which more jobs are wanted. */
export interface WantedLanes extends WantedJobs {
  /** Behind which keys the round over its lanes goes on; the empty text is before all. */
  readonly fairnessAfter: string;
  readonly keyAfter: string;
  /** To look at many lanes, however few jobs are wanted: the last claim has found nothing. */
  readonly many?: boolean;
}

/** A claimed job of a limited queue; it is due. */
export interface LimitedJob extends ClaimedJob {
  /** Its fairness key; empty when it has none. */
  readonly fairness: string;
  /** It has neither a fairness key nor a concurrency key. */
  readonly unkeyed: boolean;
}

/** What a claim took of one queue, and what its limits leave. */
export interface LimitedClaim {
  readonly queue: string;
  /** In the order of the hand-over. */
  readonly jobs: readonly LimitedJob[];
  /** Somebody else claimed in the same moment: nothing was taken, and it should be tried again. */
  readonly stale: boolean;
  /** Most jobs that this claim might have taken. */
  readonly allowed: number;
  /** How many more may be in flight; null without that limit, negative after it was lowered. */
  readonly concurrencyLeft: number | null;
  /** In how many milliseconds the rate lets the next job go, negative when at once; null without that limit. */
  readonly rateWaitMs: number | null;
  /** In how many milliseconds the next job is due that is not due yet; null when there is none, or nobody looked. */
  readonly dueInMs: number | null;
  /** See LanesLookedAt. */
  readonly lastFairness: string | null;
  readonly fairnessCut: boolean;
  readonly cutAtKey: string | null;
}

type Row = Omit<LimitedClaim, 'jobs'> & {
  readonly [Field in keyof Omit<LimitedJob, 'queue' | 'dueInMs'>]: LimitedJob[Field] | null;
};

@Injectable()
export class LimitedFeedRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /**
   * Claims due jobs as far as the limits of each queue allow.
   * @returns one entry for each queue that could be looked at: those that are paused, gone, being settled, or in the hands of
   * somebody else just now are not among them; or 'fenced'
   */
  async claim(fence: Fence, wanted: readonly WantedLanes[]): Promise<LimitedClaim[] | 'fenced'> {
    const rows = await this.prisma.query<Row>(
      CLAIM_LIMITED,
      fence.election,
      fence.epoch,
      ...wantedColumns(wanted),
      wanted.map(({ fairnessAfter }) => fairnessAfter),
      wanted.map(({ keyAfter }) => keyAfter),
      wanted.map(({ many = false }) => many),
    );
    if (rows.length === 0 && !(await this.epochs.stands(fence))) return 'fenced';
    return byQueue(rows);
  }
}

function byQueue(rows: readonly Row[]): LimitedClaim[] {
  const claims = new Map<string, LimitedClaim & { jobs: LimitedJob[] }>();
  for (const { id, delivery, type, priority, runAtMs, fairness, unkeyed, ...claim } of rows) {
    let known = claims.get(claim.queue);
    if (known === undefined) {
      known = { ...claim, jobs: [] };
      claims.set(claim.queue, known);
    }
    // A queue that gave nothing has one row, without a job.
    if (id === null || delivery === null || type === null || priority === null || runAtMs === null) continue;
    known.jobs.push({
      id,
      delivery,
      type,
      queue: claim.queue,
      priority,
      runAtMs,
      dueInMs: 0,
      fairness: fairness ?? '',
      unkeyed: unkeyed ?? false,
    });
  }
  return [...claims.values()];
}
