/** A whole run: starts the system, drives the workload, injects the faults, waits until all is over, collects the evidence. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '#tools/root.js';
import { END_STATES, type Evidence, type WithdrawnDelivery } from '../checkers/evidence.js';
import { faultsNamed } from '../faults/catalogue.js';
import { planFaults } from '../plan/fault-plan.js';
import { planWorkload } from '../plan/workload-plan.js';
import { Random } from '../random.js';
import type { ChaosOptions } from '../options.js';
import { readEpochs, readTransitions } from '../system/audit.js';
import { SmallDisk } from '../system/small-disk.js';
import { LEASE_MS, System } from '../system/system.js';
import { Client } from './client.js';
import { findTroubles, readJobs, readLedger } from './collect.js';
import { Injector } from './inject.js';
import { Recovery } from './recovery.js';
import { Workload } from './workload.js';

export interface RunResult {
  readonly planHash: string;
  readonly folder: string;
  readonly evidence: Evidence;
  /** Faults that this machine cannot have. */
  readonly skipped: readonly string[];
}

export const CHAOS_FOLDER = join(ROOT, '.triumvir', 'chaos');
const SERVICES = { store: 2, scheduler: 3, executor: 3 };
/** How many canaries tell how slow the machine is by itself. */
const CALIBRATIONS = 8;
/** How long the last jobs may take to end once all faults are over, in milliseconds. */
const DRAIN_WITHIN_MS = 120_000;
/** A service that takes longer to end when it is told to, grace and all, hangs. In milliseconds. */
const STOPPED_WITHIN_MS = 40_000;

export function newRunFolder(label: string): string {
  SmallDisk.unmountAllBelow(CHAOS_FOLDER);
  const folder = join(CHAOS_FOLDER, `${label}-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

export async function runChaos(options: ChaosOptions, print: (line: string) => void): Promise<RunResult> {
  const { seed, minutes, rate } = options;
  const durationMs = minutes * 60_000;
  const faults = faultsNamed(options.faults);
  const workload = planWorkload(seed, durationMs, rate);
  const planned = planFaults(seed, faults, Math.ceil(durationMs / 1000));
  const planHash = hashOf({ workload, planned });
  print(
    `Seed ${seed}, plan ${planHash}: ${workload.length} submissions in ${minutes} min, ${faults.length} faults`,
  );

  const folder = newRunFolder(`seed-${seed}`);
  const system = await System.start({
    folder,
    services: SERVICES,
    smallDisks: faults.some(({ needsSmallDisk }) => needsSmallDisk === true),
  });
  try {
    const client = new Client(system.of('store').map(({ url }) => url));
    const recovery = new Recovery(system, client);
    const slowestMs = await calibrate(recovery);
    print(`The system runs in ${folder}; a job takes up to ${slowestMs} ms in quiet`);

    const withdrawn: WithdrawnDelivery[] = [];
    const context = {
      system,
      random: new Random(seed, 'choices'),
      submissionUnderWay: (url: string) => client.submissionUnderWay(url),
      withdrawn: (delivery: WithdrawnDelivery) => void withdrawn.push(delivery),
    };
    const injector = new Injector(context, recovery, print);
    const over = new AbortController();
    const driven = new Workload(client, system.ledgerFile).drive(workload, over.signal);
    const until = Date.now() + durationMs;
    const canFill = system.servers.redisDisk !== undefined;
    const checkpoints = keepLogShort(system);
    try {
      for (const next of planned) {
        if (Date.now() >= until) break;
        if (next.fault.needsSmallDisk === true && !canFill) continue;
        await injector.inject(next);
      }
    } finally {
      clearInterval(checkpoints);
      over.abort();
      await driven;
    }
    await drain(system, print);
    return {
      planHash,
      folder,
      skipped: canFill ? [] : faults.filter((one) => one.needsSmallDisk === true).map(({ name }) => name),
      evidence: {
        ...(await collect(system, client)),
        faults: injector.records,
        withdrawn,
        slackMs: options.slackMs + slowestMs,
      },
    };
  } finally {
    await system.stop();
  }
}

/** All evidence that does not depend on how the faults came about. Its last piece is how the services end. */
export async function collect(
  system: System,
  client: Client,
): Promise<Omit<Evidence, 'faults' | 'withdrawn' | 'slackMs'>> {
  const query = <Row extends object>(sql: string) => system.query<Row>(sql);
  const [store] = system.of('store');
  const jobs = await readJobs(store?.url ?? '', system);
  await system.stopServices(STOPPED_WITHIN_MS);
  return {
    submissions: client.submissions,
    ledger: readLedger(system.ledgerFile),
    jobs,
    transitions: await readTransitions(query),
    epochs: await readEpochs(query),
    troubles: [...findTroubles(system), ...client.troubles],
    leaseMs: LEASE_MS,
  };
}

/** How long a job takes from its submission to its success while nothing is wrong, at most. */
async function calibrate(recovery: Recovery): Promise<number> {
  let slowestMs = 0;
  for (let i = 0; i < CALIBRATIONS; i += 1) {
    slowestMs = Math.max(slowestMs, (await recovery.measure(Date.now())) ?? 0);
  }
  return slowestMs;
}

/** Waits until every job has ended; what has not by then is for the checkers. */
export async function drain(
  system: System,
  print: (line: string) => void,
  withinMs = DRAIN_WITHIN_MS,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const [row] = await system.query<{ left: number }>(
      `SELECT count(*)::int AS left FROM jobs WHERE state <> ALL ($1)`,
      [[...END_STATES]],
    );
    if (row?.left === 0) return;
    if (Date.now() > deadline) {
      print(`${row?.left} jobs have not ended after ${withinMs / 1000} s`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Postgres keeps its log from growing beyond a small disk only when it checkpoints often. */
function keepLogShort(system: System): NodeJS.Timeout {
  return setInterval(() => void system.query('CHECKPOINT').catch(() => undefined), 20_000);
}

function hashOf({
  workload,
  planned,
}: {
  workload: unknown;
  planned: ReturnType<typeof planFaults>;
}): string {
  const faults = planned.map(({ fault, also, quietMs }) => [fault.name, also?.name, quietMs]);
  return createHash('sha256')
    .update(JSON.stringify([workload, faults]))
    .digest('hex')
    .slice(0, 12);
}
