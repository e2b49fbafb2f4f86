/** What ZooKeeper says about the cluster, for the API and its users: who is alive, who stands for what, who leads. */
import { isFailure } from './zookeeper-error.js';
import type { ZookeeperSession } from './zookeeper-session.js';
import {
  electionPath,
  inLine,
  MEMBER_KINDS,
  memberPath,
  membersPath,
  parseCandidate,
  parseMember,
  type CandidateContent,
  type MemberContent,
  type MemberKind,
} from './zookeeper-tree.js';

export interface ElectionView {
  /** Such as `scheduler/shard-0`. */
  readonly election: string;
  /** First in line first. The first leads, or is about to: the epoch store knows which. */
  readonly candidates: readonly (CandidateContent & { readonly leader: boolean })[];
}

export interface ClusterSnapshot {
  readonly members: Readonly<Record<MemberKind, readonly MemberContent[]>>;
  readonly elections: readonly ElectionView[];
}

export interface ClusterViewContext {
  readonly session: ZookeeperSession;
  /** The node below which everything is kept. */
  readonly root: string;
}

export class ClusterView {
  constructor(private readonly context: ClusterViewContext) {}

  /**
   * Reads it all anew. Nodes that cannot be understood are left out. Not a snapshot of one moment: what changes while
   * it is read may be seen or not.
   * @throws ZookeeperError when ZooKeeper cannot be asked.
   */
  async read(): Promise<ClusterSnapshot> {
    const [store, scheduler, executor] = await Promise.all(MEMBER_KINDS.map((kind) => this.#members(kind)));
    const names = (await this.#elections()).sort();
    const elections = await Promise.all(names.map((election) => this.#election(election)));
    return {
      members: { store: store ?? [], scheduler: scheduler ?? [], executor: executor ?? [] },
      elections,
    };
  }

  /**
   * The elections right below a node, such as `scheduler`, with who stands for them.
   * @throws ZookeeperError when ZooKeeper cannot be asked.
   */
  async elections(parent: string): Promise<ElectionView[]> {
    const names = await this.#children(`${this.context.root}/${parent}`);
    return Promise.all(names.map((name) => this.#election(`${parent}/${name}`)));
  }

  async #members(kind: MemberKind): Promise<MemberContent[]> {
    const { root } = this.context;
    const ids = (await this.#children(membersPath(root, kind))).sort();
    const members = await Promise.all(ids.map((id) => this.#content(memberPath(root, kind, id))));
    return members.map((content) => content && parseMember(content)).filter((member) => member !== undefined);
  }

  /** Every place where somebody has ever stood for election. */
  async #elections(): Promise<string[]> {
    const { root } = this.context;
    const below = async (parent: string) =>
      (await this.#children(`${root}/${parent}`)).map((name) => `${parent}/${name}`);
    const [shards, executor, queues] = await Promise.all(
      ['scheduler', 'executor', 'executor/queues'].map(below),
    );
    return [
      ...(shards ?? []),
      ...(executor ?? []).filter((name) => name === 'executor/reclaimer'),
      ...(queues ?? []),
    ];
  }

  async #election(election: string): Promise<ElectionView> {
    const path = electionPath(this.context.root, election);
    const line = inLine(await this.#children(path));
    const contents = await Promise.all(line.map((name) => this.#content(`${path}/${name}`)));
    const candidates = contents.flatMap((content, place) => {
      const candidate = content && parseCandidate(content);
      return candidate === undefined ? [] : [{ ...candidate, leader: place === 0 }];
    });
    return { election, candidates };
  }

  async #children(path: string): Promise<string[]> {
    return (await absentWhenGone(this.context.session.children(path))) ?? [];
  }

  async #content(path: string): Promise<Buffer | undefined> {
    return (await absentWhenGone(this.context.session.get(path)))?.content;
  }
}

/** A node may never have been created, or be gone since its name was read: neither is an error here. */
async function absentWhenGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isFailure(error, 'no-node')) return undefined;
    throw error;
  }
}
