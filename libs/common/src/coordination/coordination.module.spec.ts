import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { createLogger } from '#common/logging/logger.js';
import { ClusterView } from './cluster-view.js';
import { CoordinationModule } from './coordination.module.js';
import { EpochStore } from './epoch-store.js';
import { LeaderElection } from './leader-election.js';
import { Membership } from './members.js';
import { ZookeeperSession } from './zookeeper-session.js';

const epochs = {
  provide: EpochStore,
  useValue: {
    advance: () => Promise.resolve(1n),
    seize: () => Promise.resolve(1n),
    read: () => Promise.resolve(undefined),
  } satisfies EpochStore,
};

@Global()
@Module({ providers: [epochs], exports: [epochs] })
class Epochs {}

/** Nobody listens there: the port is reserved. */
const NOWHERE = '127.0.0.1:1';

describe('CoordinationModule', () => {
  it('starts without a ZooKeeper, keeps trying, and stops in good order', async () => {
    const module = await Test.createTestingModule({
      imports: [
        Epochs,
        CoordinationModule.register({
          environment: {
            ZOOKEEPER_HOST: NOWHERE,
            ZOOKEEPER_ROOT: '/triumvir',
            ZOOKEEPER_SESSION_TIMEOUT_MS: 1000,
          },
          identity: { id: 'scheduler-1', host: 'rome', pid: 7 },
          log: createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' }),
        }),
      ],
    }).compile();
    await module.init();
    const campaign = module.get(LeaderElection).campaign('scheduler/shard-0', () => Promise.resolve());
    module.get(Membership).join('scheduler');
    expect(module.get(ZookeeperSession).connected).toBe(false);
    await expect(module.get(ClusterView).read()).rejects.toMatchObject({ failure: 'connection-loss' });
    await module.close();
    expect(campaign.state).toBe('resigned');
  });
});
