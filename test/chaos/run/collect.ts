/** Gathers the evidence when all is over: the ledger, the jobs as the API tells of them, Postgres' audit, the logs. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { FinalJob, LedgerRun, ServiceTrouble } from '../checkers/evidence.js';
import type { System } from '../system/system.js';

const ledgerLine = z.object({
  job: z.string(),
  attempt: z.number(),
  pid: z.number(),
  start: z.number().optional(),
  end: z.number().optional(),
  exit: z.number().optional(),
});

/** Pairs the start and the end that one process wrote. */
export function parseLedger(text: string): LedgerRun[] {
  const runs: { run: LedgerRun; open: boolean }[] = [];
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const { job: jobId, attempt, pid, start, end, exit } = ledgerLine.parse(JSON.parse(line));
    if (start !== undefined) {
      runs.push({ run: { jobId, attempt, pid, startMs: start, end: undefined }, open: true });
      continue;
    }
    const begun = runs.findLast(
      ({ run, open }) => open && run.jobId === jobId && run.attempt === attempt && run.pid === pid,
    );
    if (begun === undefined || end === undefined || exit === undefined) {
      throw new Error(`the ledger has an end without a start: ${line}`);
    }
    begun.run = { ...begun.run, end: { atMs: end, exit } };
    begun.open = false;
  }
  return runs.map(({ run }) => run);
}

export function readLedger(file: string): LedgerRun[] {
  return parseLedger(readFileSync(file, { encoding: 'utf8', flag: 'a+' }));
}

interface ListedJob {
  readonly id: string;
  readonly name: string | null;
  readonly type: string;
  readonly state: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

/** Every job there is, as the API lists them; their histories, which it shows one by one, from the table. */
export async function readJobs(store: string, system: System): Promise<FinalJob[]> {
  const attempts = await system.query<{ id: string; numbers: number[] }>(
    `SELECT job_id AS id, array_agg(attempt ORDER BY attempt) AS numbers FROM job_attempts GROUP BY job_id`,
  );
  const histories = new Map(attempts.map(({ id, numbers }) => [id, numbers]));
  return (await listJobs(store)).map((job) => ({
    id: job.id,
    name: job.name,
    type: job.type,
    state: job.state,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    createdMs: Date.parse(job.createdAt),
    finishedMs: job.finishedAt === null ? null : Date.parse(job.finishedAt),
    history: histories.get(job.id) ?? [],
  }));
}

async function listJobs(store: string): Promise<ListedJob[]> {
  const jobs: ListedJob[] = [];
  let cursor: string | null = null;
  do {
    const page: string = cursor === null ? '' : `&cursor=${cursor}`;
    const response = await fetch(`${store}/api/v1/jobs?limit=200${page}`);
    if (!response.ok) throw new Error(`the list of jobs was answered with ${response.status}`);
    const body = (await response.json()) as { jobs: ListedJob[]; nextCursor: string | null };
    jobs.push(...body.jobs);
    cursor = body.nextCursor;
  } while (cursor !== null);
  return jobs;
}

/** What no log may hold: an error that nobody handled, or a process that gave up. */
const NEVER = /unhandled ?rejection|uncaught ?exception|heartbeat thread died|^\s+at .+:\d+:\d+\)?$/i;

export function findTroubles(system: System): ServiceTrouble[] {
  return [
    ...system.unexpectedExits.map(({ service, how, atMs }) => ({
      service,
      what: `${how} at ${new Date(atMs).toISOString()}`,
    })),
    ...system.services.flatMap(({ id, logFile }) =>
      readFileSync(logFile, { encoding: 'utf8', flag: 'a+' })
        .split('\n')
        .filter((line) => NEVER.test(line))
        .map((line) => ({ service: id, what: line.slice(0, 500) })),
    ),
  ];
}
