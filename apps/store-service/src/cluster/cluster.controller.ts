/** GET /api/v1/cluster: who is alive, who stands for what, who leads under which epoch, and what each executor does. */
import { Controller, Get } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import { ClusterView } from '#common/coordination/cluster-view.js';
import { ZookeeperError } from '#common/coordination/zookeeper-error.js';
import { ExecutorRepository } from '#common/database/executor.repository.js';
import { LeaderEpochs } from '#common/database/leader-epochs.js';
import { Operation } from '../http/operation.js';
import { Problem } from '../http/problem.js';
import { getCluster } from './cluster.operations.js';
import type { ClusterAnswer, MemberView } from './cluster.views.js';

@Controller('api/v1/cluster')
export class ClusterController {
  constructor(
    private readonly view: ClusterView,
    private readonly epochs: LeaderEpochs,
    private readonly executors: ExecutorRepository,
  ) {}

  /** 503 while ZooKeeper or Postgres is away. */
  @Get()
  @Requires('read')
  @Operation(getCluster)
  async get(): Promise<ClusterAnswer> {
    const [snapshot, epochs, executors] = await Promise.all([
      this.view.read().catch((error: unknown) => {
        if (!(error instanceof ZookeeperError)) throw error;
        throw new Problem(
          'unavailable',
          'ZooKeeper cannot be reached, so nobody knows who is alive. Try again.',
        );
      }),
      this.epochs.list(),
      this.executors.busy(),
    ]);
    const epochOf = new Map(epochs.map((epoch) => [epoch.election, epoch]));
    const { store, scheduler, executor } = snapshot.members;
    return {
      members: {
        store: store.map(toCandidate),
        scheduler: scheduler.map(toCandidate),
        executor: executor.map(toCandidate),
      },
      elections: snapshot.elections.map(({ election, candidates }) => {
        const first = candidates.find(({ leader }) => leader);
        const epoch = epochOf.get(election);
        const leads = first !== undefined && epoch?.holder === first.id;
        return {
          election,
          leader: leads ? { ...toCandidate(first), epoch: Number(epoch.epoch) } : null,
          candidates: candidates.map(toCandidate),
        };
      }),
      executors: executors.map(({ id, instance, slots, running, queues, types, draining, leaseUntil }) => ({
        id,
        instance,
        slots,
        running,
        queues,
        types,
        draining,
        leaseExpiresAt: leaseUntil.toISOString(),
      })),
    };
  }
}

/** Only what people want to know of a member. */
function toCandidate({ id, host, pid, since }: MemberView): MemberView {
  return { id, host, pid, since };
}
