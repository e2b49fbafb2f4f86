/** Coordination for a Nest application: one ZooKeeper session, and what is built on it. */
import {
  Module,
  type DynamicModule,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { ZookeeperEnvironment } from '#common/config/environment.js';
import type { Logger } from '#common/logging/logger.js';
import { ClusterView } from './cluster-view.js';
import { EpochStore } from './epoch-store.js';
import { LeaderElection } from './leader-election.js';
import { Membership } from './members.js';
import { ZookeeperElection } from './zookeeper-election.js';
import { ZookeeperSession } from './zookeeper-session.js';
import type { Identity } from './zookeeper-tree.js';

export interface CoordinationOptions {
  readonly environment: ZookeeperEnvironment;
  readonly identity: Identity;
  readonly log: Logger;
  /** Modules of which one exports an EpochStore, unless a global module does. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

@Module({})
export class CoordinationModule implements OnModuleDestroy, OnApplicationShutdown {
  constructor(
    private readonly session: ZookeeperSession,
    private readonly election: LeaderElection,
    private readonly membership: Membership,
  ) {}

  /** Connects in the background: the application starts whether or not ZooKeeper is there. */
  static register(options: CoordinationOptions): DynamicModule {
    const { environment, identity, log } = options;
    const root = environment.ZOOKEEPER_ROOT;
    return {
      module: CoordinationModule,
      imports: options.imports ?? [],
      providers: [
        {
          provide: ZookeeperSession,
          useFactory: () => {
            const session = new ZookeeperSession({
              servers: environment.ZOOKEEPER_HOST,
              sessionTimeoutMs: environment.ZOOKEEPER_SESSION_TIMEOUT_MS,
              log,
            });
            session.open();
            return session;
          },
        },
        {
          provide: LeaderElection,
          inject: [ZookeeperSession, EpochStore],
          useFactory: (session: ZookeeperSession, epochs: EpochStore) =>
            new ZookeeperElection({ session, epochs, root, identity, log }),
        },
        {
          provide: Membership,
          inject: [ZookeeperSession],
          useFactory: (session: ZookeeperSession) => new Membership({ session, root, identity, log }),
        },
        {
          provide: ClusterView,
          inject: [ZookeeperSession],
          useFactory: (session: ZookeeperSession) => new ClusterView({ session, root }),
        },
      ],
      exports: [ZookeeperSession, LeaderElection, Membership, ClusterView],
    };
  }

  /** Leadership is handed over first of all, before running work is given time to finish. */
  async onModuleDestroy(): Promise<void> {
    if (this.election instanceof ZookeeperElection) await this.election.resignAll();
  }

  /** The process stays visible to the end. */
  async onApplicationShutdown(): Promise<void> {
    await this.membership.leave();
    await this.session.close();
  }
}
