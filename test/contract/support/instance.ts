/** One instance of a service as far as coordination goes: a session of its own, and a duty that notes its terms. */
import type { EpochStore } from '#common/coordination/epoch-store.js';
import type { Campaign, Term } from '#common/coordination/leader-election.js';
import { Membership } from '#common/coordination/members.js';
import { ZookeeperElection } from '#common/coordination/zookeeper-election.js';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { createLogger } from '#common/logging/logger.js';

export const SESSION_TIMEOUT_MS = 1500;
export const ELECTION = 'scheduler/shard-0';

export interface InstanceOptions {
  readonly id: string;
  /** host:port */
  readonly zookeeper: string;
  readonly root: string;
  readonly epochs: EpochStore;
  readonly sessionTimeoutMs?: number;
  /** What it does when it leads; by default it waits for the end of its term. */
  readonly duty?: (term: Term) => Promise<void>;
}

export class Instance {
  readonly id: string;
  readonly session: ZookeeperSession;
  readonly election: ZookeeperElection;
  readonly membership: Membership;
  /** Every term it has had, the latest last. */
  readonly terms: Term[] = [];
  /** When the latest of them began, on the clock of `performance.now()`. */
  latestTermAt = 0;
  #campaign: Campaign | undefined;

  constructor(private readonly options: InstanceOptions) {
    const { id, zookeeper, root, epochs } = options;
    const log = createLogger({
      service: 'test',
      instance: id,
      level: process.env['LOG_LEVEL'] ?? 'none',
      format: 'pretty',
    });
    const identity = { id, host: 'localhost', pid: process.pid };
    this.id = id;
    this.session = new ZookeeperSession({
      servers: zookeeper,
      sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
      log,
    });
    this.election = new ZookeeperElection({ session: this.session, epochs, root, identity, log });
    this.membership = new Membership({ session: this.session, root, identity, log });
    this.session.open();
  }

  get campaign(): Campaign {
    if (this.#campaign === undefined) throw new Error('stands for nothing yet');
    return this.#campaign;
  }

  /** The term that runs now. */
  get term(): Term | undefined {
    return this.terms.find((term) => !term.signal.aborted);
  }

  stand(election = ELECTION): this {
    this.#campaign = this.election.campaign(election, async (term) => {
      this.latestTermAt = performance.now();
      this.terms.push(term);
      await (this.options.duty ?? untilAborted)(term);
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.election.resignAll();
    await this.membership.leave();
    await this.session.close();
  }
}

export async function untilAborted({ signal }: Term): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}
