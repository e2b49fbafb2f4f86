/**
 * Lists and searches jobs, newest first, in a bounded time however many there are (decisions/0021): what no index can serve
 * is looked for among so many of the newest, and the answer says how far back it has looked.
 */
import { Injectable } from '@nestjs/common';
import { amongIndexes, isCostly, Parameters, type JobFilter } from './job-conditions.js';
import { LISTED_JOB_COLUMNS } from './job-statements.js';
import { AFTER_ALL, lookThrough, walk, type Statement, type Step } from './job-search-statements.js';
import type { ListedJob } from './job.repository.js';
import { PrismaService } from './prisma.service.js';

/**
 * Connections that search look up by index, and start no helpers and no compiler for what must be done in milliseconds.
 * Unlike LOOKUPS_ONLY they may read bitmaps, of tags.
 */
export const SEARCH_OPTIONS =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c max_parallel_workers_per_gather=0';

/** How long a search looks on when it has found too little, in milliseconds: less than half of what an answer may take. */
const BUDGET_MS = 20;
/** So much of it one step is meant to take at most: it cannot be stopped in between. */
const STEP_MS = 6;
/** Jobs looked at in the first step; where payloads must be unpacked, and elsewhere. Later ones go by the pace of the last. */
const FIRST_CHUNK = { costly: 400, cheap: 4000 };
const LEAST_CHUNK = 100;
const LARGEST_CHUNK = 50_000;

export interface FoundJobs {
  readonly jobs: ListedJob[];
  /** Older jobs than this one have not been looked at; undefined when there are none. */
  readonly nextBefore: string | undefined;
  /** False when the time was over before as many as wanted were found. */
  readonly complete: boolean;
}

type Nulls<Row> = { readonly [Column in keyof Row]: Row[Column] | null };
type WalkRow = (ListedJob | Nulls<ListedJob>) & { readonly lookedBackTo: string | null };
type SetRow = (ListedJob | Nulls<ListedJob>) & { readonly tooMany: boolean };

@Injectable()
export class JobSearchRepository {
  constructor(private readonly prisma: PrismaService) {}

  /**
   * One page, newest first.
   * @param before only jobs created before this one; undefined begins with the newest
   * @param budgetMs how long to look on when too little is found; at least one step is made
   */
  async page(
    filter: JobFilter,
    before: string | undefined,
    limit: number,
    budgetMs = BUDGET_MS,
  ): Promise<FoundJobs> {
    const startedMs = performance.now();
    const jobs: ListedJob[] = [];
    let from = before ?? AFTER_ALL;
    let chunk = filter.terms.some(isCostly) ? FIRST_CHUNK.costly : FIRST_CHUNK.cheap;
    let mayLookThrough = amongIndexes(filter, new Parameters()).length > 0;
    for (;;) {
      const beganMs = performance.now();
      // One more than wanted tells whether there is a next page.
      const wanted = limit + 1 - jobs.length;
      const step = await this.#walk(filter, { before: from, chunk, limit: wanted });
      const perMs = chunk / Math.max(performance.now() - beganMs, 0.1);
      jobs.push(...step.jobs);
      if (step.jobs.length === wanted || step.lookedBackTo === null) return page(jobs, limit);
      from = step.lookedBackTo;
      if (mayLookThrough) {
        mayLookThrough = false;
        const rest = await this.#lookThrough(filter, { before: from, limit: limit + 1 - jobs.length });
        if (rest !== 'too-many') return page([...jobs, ...rest], limit);
      }
      const leftMs = budgetMs - (performance.now() - startedMs);
      if (leftMs <= 0) return { jobs, nextBefore: from, complete: false };
      const affordable = Math.round(perMs * Math.min(leftMs, STEP_MS));
      chunk = Math.min(LARGEST_CHUNK, Math.max(LEAST_CHUNK, affordable));
    }
  }

  async #walk(filter: JobFilter, step: Step): Promise<{ jobs: ListedJob[]; lookedBackTo: string | null }> {
    const rows = await this.#query<WalkRow>(walk(filter, LISTED_JOB_COLUMNS, step));
    const lookedBackTo = rows[0]?.lookedBackTo ?? null;
    return { jobs: rows.flatMap(({ lookedBackTo: _lookedBackTo, ...row }) => listed(row)), lookedBackTo };
  }

  async #lookThrough(filter: JobFilter, step: Omit<Step, 'chunk'>): Promise<ListedJob[] | 'too-many'> {
    const rows = await this.#query<SetRow>(lookThrough(filter, LISTED_JOB_COLUMNS, step));
    if (rows[0]?.tooMany === true) return 'too-many';
    return rows.flatMap(({ tooMany: _tooMany, ...row }) => listed(row));
  }

  #query<Row>({ sql, parameters }: Statement): Promise<Row[]> {
    return this.prisma.query<Row>(sql, ...parameters);
  }
}

function listed(row: ListedJob | Nulls<ListedJob>): ListedJob[] {
  return row.id === null ? [] : [row as ListedJob];
}

/** @param jobs one more than the page has when there are older ones */
function page(jobs: ListedJob[], limit: number): FoundJobs {
  const shown = jobs.slice(0, limit);
  return {
    jobs: shown,
    nextBefore: jobs.length > limit ? shown.at(-1)?.id : undefined,
    complete: true,
  };
}
