/** The candidate nodes of one election in ZooKeeper: enrolling, the line, and leaving it. */
import type { Candidate } from './leadership.js';
import { isFailure } from './zookeeper-error.js';
import type { ZookeeperSession } from './zookeeper-session.js';
import { candidatePrefix, inLine, type CandidateContent, type Identity } from './zookeeper-tree.js';

export class CandidateNodes {
  constructor(
    private readonly session: ZookeeperSession,
    /** The node of the election, which has the candidates as its children. */
    private readonly path: string,
    private readonly identity: Identity,
  ) {}

  /**
   * Finds the node of a candidacy, or creates it. It looks first: when the answer to an earlier creation was lost, the
   * node is there, and a second one would stay as long as this process lives.
   *
   * `wanted` is asked just before the creation; when it says no, nothing is created and the result is undefined. A
   * `remove` that was called before sees nothing yet, one that is called after sees the node, since a connection's
   * requests are carried out in their order.
   */
  async enrol(candidacy: string, wanted: () => boolean): Promise<Candidate | undefined> {
    const { session } = this;
    // A write, after which even a server that lagged behind knows of that earlier creation.
    await session.prove(this.path).catch((error: unknown) => {
      if (!isFailure(error, 'no-node')) throw error;
      return session.createParents(this.path);
    });
    const [found] = await this.#of(candidacy);
    if (!wanted()) return undefined;
    const path =
      found ??
      (await session.create(
        `${this.path}/${candidatePrefix(candidacy)}`,
        this.#content(),
        'ephemeral-sequential',
      ));
    const { stat } = await session.get(path);
    return { path, czxid: stat.czxid };
  }

  /**
   * Says where a candidate stands. When it is behind others, `onMoved` is called once the one right before it is gone:
   * each watches only that one, so that the end of a leader wakes one instance and not all of them.
   */
  async survey(candidate: Candidate, onMoved: () => void): Promise<'first' | 'behind' | 'gone'> {
    const { session } = this;
    for (;;) {
      const line = await this.#line();
      const place = line.indexOf(candidate.path);
      if (place === -1) return 'gone';
      const before = line[place - 1];
      if (before === undefined) {
        // A node of an earlier session may be seen for a while after the end of that session.
        const { stat } = await session.get(candidate.path);
        return stat.ephemeralOwner === session.id ? 'first' : 'gone';
      }
      try {
        await session.get(before, onMoved);
        return 'behind';
      } catch (error) {
        // Gone since the line was read; read it again.
        if (!isFailure(error, 'no-node')) throw error;
      }
    }
  }

  /** Whether a quorum says that the candidate's node exists. */
  async prove(candidate: Candidate): Promise<boolean> {
    try {
      await this.session.prove(candidate.path);
      return true;
    } catch (error) {
      if (isFailure(error, 'no-node')) return false;
      throw error;
    }
  }

  /** Deletes the node of a candidacy, if there is one. */
  async remove(candidacy: string): Promise<void> {
    try {
      for (const path of await this.#of(candidacy)) await this.session.remove(path);
    } catch (error) {
      if (!isFailure(error, 'no-node')) throw error; // gone already
    }
  }

  /** Paths of the candidates, first in line first. */
  async #line(): Promise<string[]> {
    return inLine(await this.session.children(this.path)).map((name) => `${this.path}/${name}`);
  }

  async #of(candidacy: string): Promise<string[]> {
    const start = `${this.path}/${candidatePrefix(candidacy)}`;
    return (await this.#line()).filter((path) => path.startsWith(start));
  }

  #content(): string {
    const { id, host, pid } = this.identity;
    return JSON.stringify({ id, host, pid, since: new Date().toISOString() } satisfies CandidateContent);
  }
}
