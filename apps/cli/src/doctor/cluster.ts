/** What the doctor asks about the cluster: who leads, and whether executors live. */
import { ProblemError } from '#client/errors.js';
import type { Cluster } from '../answers.js';
import type { StoreApi } from '../api.js';
import { fail, ok, reasonOf, warn, type Finding } from './finding.js';

export async function lookAtCluster(api: StoreApi): Promise<Finding[]> {
  try {
    const cluster = await api.getCluster();
    return [...leaders(cluster), executors(cluster)];
  } catch (error) {
    if (error instanceof ProblemError && (error.status === 401 || error.status === 403))
      return [warn('cluster', `not shown to us: ${reasonOf(error)}`, 'use a key with the scope read')];
    return [fail('cluster', reasonOf(error), 'is ZooKeeper up, and ZOOKEEPER_HOST of the store right?')];
  }
}

function leaders({ elections }: Cluster): Finding[] {
  const findings = elections.map(({ election, leader, candidates }) =>
    leader === null
      ? fail(
          `leader: ${election}`,
          `nobody leads; candidates: ${candidates.length}`,
          candidates.length === 0
            ? 'start the service'
            : 'wait for a session time-out, then look into its log',
        )
      : ok(`leader: ${election}`, `${leader.id} under epoch ${leader.epoch ?? '-'}`),
  );
  if (elections.some(({ election }) => election.startsWith('scheduler/'))) return findings;
  const missing = fail('leader: scheduler', 'no scheduler stands for election', 'start one: `make start`');
  return [...findings, missing];
}

/** The store lists those whose leases stand by Postgres's clock; by ours, which may be wrong, they must not be judged again. */
function executors({ executors }: Cluster): Finding {
  if (executors.length === 0)
    return fail('executors', 'none is alive', 'start one: `make start`, or `make run-worker`');
  const running = executors.reduce((sum, executor) => sum + executor.running, 0);
  const slots = executors.reduce((sum, executor) => sum + executor.slots, 0);
  return ok('executors', `${executors.length} alive, ${running} of ${slots} slots busy`);
}
