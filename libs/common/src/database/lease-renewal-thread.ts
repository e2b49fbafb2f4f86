/**
 * T5, heartbeat: renews an executor's lease from a thread of its own, so that a busy event loop does not look dead. When
 * it cannot renew for two thirds of the lease, it ends the executor's child processes itself: by the time the jobs are
 * taken back, nothing of them runs any more.
 */
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import { FencedProcesses } from '#common/runtime/fenced-processes.js';
import { LeaseClock } from '#common/runtime/lease-clock.js';
import { RENEW_LEASE } from './lease-statement.js';

export interface LeaseRenewal {
  readonly databaseUrl: string;
  readonly executorId: string;
  readonly leaseMs: number;
  /** Memory of the LeaseClock that the executor reads. */
  readonly leaseClock: SharedArrayBuffer;
  /** Memory of the FencedProcesses that run the executor's children. */
  readonly fencedProcesses: SharedArrayBuffer;
}

/**
 * renewed: the lease stands (again). gone: the executor's row is gone, it must register anew. lost: it could not be
 * renewed in time, and the children have been ended.
 */
export type LeaseEvent = { kind: 'renewed' } | { kind: 'gone' } | { kind: 'lost' };

const { databaseUrl, executorId, leaseMs, leaseClock, fencedProcesses } = workerData as LeaseRenewal;
const everyMs = leaseMs / 5;
const clock = new LeaseClock(leaseMs, leaseClock);
const spawners = new FencedProcesses(fencedProcesses);
const port = parentPort;
if (port === null) throw new Error('runs only as a worker thread');

let standing: LeaseEvent['kind'] = 'renewed';
let client: pg.Client | undefined;

function report(kind: LeaseEvent['kind']): void {
  if (kind === standing) return;
  standing = kind;
  port?.postMessage({ kind } satisfies LeaseEvent);
}

async function connected(): Promise<pg.Client> {
  if (client !== undefined) return client;
  const fresh = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'triumvir-lease',
    connectionTimeoutMillis: everyMs,
    query_timeout: everyMs,
    keepAlive: true,
  });
  // The next renewal finds out and connects anew.
  fresh.on('error', () => drop(fresh));
  await fresh.connect();
  client = fresh;
  return fresh;
}

function drop(broken: pg.Client | undefined): void {
  if (client === broken) client = undefined;
  void broken?.end().catch(() => undefined);
}

async function renew(): Promise<void> {
  // The lease counts in Postgres from no earlier moment.
  const sentAt = process.hrtime.bigint();
  try {
    const { rowCount } = await (await connected()).query(RENEW_LEASE, [executorId, leaseMs]);
    if (rowCount === 0) {
      report('gone');
      return;
    }
    clock.renewed(sentAt);
    report('renewed');
  } catch {
    drop(client);
  }
}

function checkLease(): void {
  if (clock.period() !== undefined) return;
  if (standing !== 'lost') spawners.fenceAll();
  report('lost');
}

/** One renewal after the other, each as soon as its time has come. */
async function renewForEver(): Promise<never> {
  for (;;) {
    await renew();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

setInterval(checkLease, everyMs / 2);
void renewForEver();
