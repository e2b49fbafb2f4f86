/** What `triumvir top` shows, at one moment. */
import type { Cluster, Job, Queue } from '../answers.js';
import type { StoreApi } from '../api.js';
import type { RateMeter, Rates } from './rates.js';

export interface Snapshot extends Cluster {
  readonly at: string;
  readonly store: string;
  /** Of all queues; null when events cannot be heard. */
  readonly rates: Rates | null;
  readonly queues: readonly (Queue & { readonly rates: Rates | null })[];
  /** Those that run now, at most MOST_RUNNING of them. */
  readonly running: readonly Job[];
}

/** More than fit on a screen. */
const MOST_RUNNING = 200;
const MOST_QUEUES = 200;

/** @param meter undefined when events cannot be heard */
export async function takeSnapshot(api: StoreApi, meter: RateMeter | undefined): Promise<Snapshot> {
  const [cluster, { queues }, { jobs }] = await Promise.all([
    api.getCluster(),
    api.listQueues(MOST_QUEUES),
    api.listJobs({ state: 'running' }, { limit: MOST_RUNNING }),
  ]);
  const now = performance.now();
  return {
    at: new Date().toISOString(),
    store: api.baseUrl.href,
    ...cluster,
    rates: meter?.rates(now) ?? null,
    queues: queues.map((queue) => ({ ...queue, rates: meter?.rates(now, queue.name) ?? null })),
    running: jobs,
  };
}
