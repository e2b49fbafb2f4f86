/** What LeaderElection promises, held against a real ZooKeeper and a real Postgres. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CandidateNodes } from '#common/coordination/candidate-nodes.js';
import { ClusterView } from '#common/coordination/cluster-view.js';
import type { EpochStore } from '#common/coordination/epoch-store.js';
import type { Term } from '#common/coordination/leader-election.js';
import { inLine } from '#common/coordination/zookeeper-tree.js';
import { LeaderEpochs } from '#common/database/leader-epochs.js';
import { PrismaService } from '#common/database/prisma.service.js';
import { createLogger } from '#common/logging/logger.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { uniqueZookeeperRoot } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import {
  ELECTION,
  Instance,
  SESSION_TIMEOUT_MS,
  untilAborted,
  type InstanceOptions,
} from './support/instance.js';
import { CandidateProcess } from './support/candidate-process.js';
import { TestEnsemble, TestZookeeper } from './support/zookeeper.js';

let zookeeper: TestZookeeper;
let database: TestDatabase;
let prisma: PrismaService;
let epochs: LeaderEpochs;
let root: string;
let instances: Instance[];
let proxies: TcpProxy[];

beforeAll(async () => {
  database = await createTestDatabase();
  const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'pretty' });
  prisma = new PrismaService({ DATABASE_URL: database.url, PG_MAX_CONNS: 4 }, 'test', log);
  epochs = new LeaderEpochs(prisma);
  zookeeper = await TestZookeeper.start();
});

afterAll(async () => {
  await zookeeper.stop();
  await prisma.$disconnect();
  await database.drop();
});

beforeEach(async () => {
  root = uniqueZookeeperRoot();
  instances = [];
  proxies = [];
  await prisma.$executeRawUnsafe('TRUNCATE leader_epochs');
});

afterEach(async () => {
  await Promise.all(instances.map((instance) => instance.stop()));
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

function instance(id: string, options: Partial<InstanceOptions> = {}): Instance {
  const created = new Instance({ id, zookeeper: zookeeper.address, root, epochs, ...options });
  instances.push(created);
  return created;
}

async function proxyTo(server: TestZookeeper): Promise<TcpProxy> {
  const proxy = await TcpProxy.to(server.server.port);
  proxies.push(proxy);
  return proxy;
}

const through = (proxy: TcpProxy) => ({ zookeeper: `127.0.0.1:${proxy.port}` });

async function leads(candidate: Instance, within?: number): Promise<Term> {
  return eventually(
    () => candidate.term ?? Promise.reject(new Error(`${candidate.id} does not lead`)),
    within === undefined ? {} : { within },
  );
}

async function standsBy(candidate: Instance): Promise<void> {
  await eventually(() => candidate.campaign.state === 'standby');
}

/** A leader and, behind it, another candidate. */
async function leaderAndNext(
  options: Partial<InstanceOptions> = {},
): Promise<{ leader: Instance; next: Instance; term: Term }> {
  const leader = instance('leader', options).stand();
  const term = await leads(leader);
  const next = instance('next').stand();
  await standsBy(next);
  return { leader, next, term };
}

/** The ids of the candidates, first in line first, as another session sees them. */
async function line(): Promise<string[]> {
  const observer = instance('observer');
  await eventually(() => observer.session.connected);
  const { elections } = await new ClusterView({ session: observer.session, root }).read();
  await observer.session.close();
  return elections.find(({ election }) => election === ELECTION)?.candidates.map(({ id }) => id) ?? [];
}

describe('among several candidates', () => {
  it('exactly one leads at any time, and every term has a higher epoch', async () => {
    const overlaps: string[] = [];
    const granted: bigint[] = [];
    const duty = async (term: Term) => {
      const leaders = instances.filter((other) => other.term !== undefined).map(({ id }) => id);
      if (leaders.length > 1) overlaps.push(leaders.join(' and '));
      granted.push(term.epoch);
      await untilAborted(term);
    };
    const candidates = ['a', 'b', 'c', 'd', 'e'].map((id) => instance(id, { duty }).stand());
    for (let remaining = candidates.length; remaining > 0; remaining -= 1) {
      const leader = await eventually(
        () => candidates.find(({ term }) => term !== undefined) ?? Promise.reject(new Error('nobody leads')),
      );
      await leader.campaign.resign();
      expect(leader.campaign.state).toBe('resigned');
    }
    expect(overlaps).toEqual([]);
    expect(granted).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  it('each watches only the one before it, so that the end of a leader wakes one and not all', async () => {
    const candidates = ['a', 'b', 'c', 'd', 'e'].map((id) => instance(id).stand());
    const standing = () => candidates.filter(({ campaign }) => campaign.state === 'standby');
    await eventually(async () => {
      expect(standing()).toHaveLength(4);
      expect(await zookeeper.watches()).toEqual({ watches: 4, paths: 4 });
    });
    await candidates.find(({ term }) => term !== undefined)?.campaign.resign();
    await eventually(async () => {
      expect(standing()).toHaveLength(3);
      expect(await zookeeper.watches()).toEqual({ watches: 3, paths: 3 });
    });
  });

  it('the proof that a leader lives does not wake the candidate behind it', async () => {
    const { term } = await leaderAndNext();
    const before = await zookeeper.watches();
    const version = await dataVersion();
    await passing(SESSION_TIMEOUT_MS);
    expect(await dataVersion()).toBe(version);
    expect(await zookeeper.watches()).toEqual(before);
    expect(term.signal.aborted).toBe(false);
  });

  it('one that is not the leader can leave without anybody noticing', async () => {
    const { leader, next } = await leaderAndNext();
    const last = instance('last').stand();
    await standsBy(last);
    await next.campaign.resign();
    await leader.campaign.resign();
    await leads(last);
    expect(next.terms).toEqual([]);
  });

  it('an instance can stand in several elections, and they are independent', async () => {
    const { leader } = await leaderAndNext();
    const first = leader.campaign;
    leader.stand('executor/queues/mail');
    await eventually(() => leader.terms.length === 2);
    await first.resign();
    expect(leader.terms.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  it('a name that is no path of nodes is refused', () => {
    const { election } = instance('a');
    for (const name of ['', '/a', 'a/', 'a//b', 'a/../b', 'a b']) {
      expect(() => election.campaign(name, untilAborted)).toThrow(RangeError);
    }
  });
});

describe('a leader that resigns', () => {
  it('hands over within 100 ms', async () => {
    const { leader, next, term } = await leaderAndNext();
    const resignedAt = performance.now();
    await leader.campaign.resign();
    expect(term.signal.aborted).toBe(true);
    await leads(next);
    expect(next.latestTermAt - resignedAt).toBeLessThan(100);
  });

  it('is not held up by a duty that does not return', async () => {
    const { leader, next } = await leaderAndNext({ duty: () => new Promise(() => undefined) });
    await leader.campaign.resign();
    await leads(next);
    expect(leader.term).toBeUndefined();
  });

  it('in the middle of enrolling leaves no candidate behind', async () => {
    const hasty = instance('hasty');
    await eventually(() => hasty.session.connected);
    for (let round = 0; round < 10; round += 1) {
      hasty.stand();
      await passing(round);
      await hasty.campaign.resign();
    }
    await eventually(async () => expect(await line()).toEqual([]));
  });

  it('while it is cut off is no candidate any more once it is back', async () => {
    const proxy = await proxyTo(zookeeper);
    const { leader, next } = await leaderAndNext(through(proxy));
    proxy.refuse();
    await eventually(() => !leader.session.connected);
    await leader.campaign.resign();
    proxy.heal();
    // Before its session can expire: it must have deleted the node itself.
    await leads(next, SESSION_TIMEOUT_MS / 2);
    expect(leader.session.connected).toBe(true);
  });
});

describe('a duty', () => {
  it('that says it was fenced ends its term, and the instance stands again behind the others', async () => {
    const { leader, next, term } = await leaderAndNext();
    term.fenced();
    term.fenced();
    expect(term.signal.aborted).toBe(true);
    const successor = await leads(next);
    expect(successor.epoch).toBe(term.epoch + 1n);
    await eventually(async () => expect(await line()).toEqual(['next', 'leader']));
    expect(leader.terms).toHaveLength(1);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('a fault in the duty'))],
    ['returns', () => Promise.resolve()],
  ])('that %s gives others their turn', async (_, duty) => {
    const faulty = instance('faulty', { duty }).stand();
    await eventually(() => faulty.terms.length === 1);
    const sound = instance('sound').stand();
    await leads(sound);
    await standsBy(faulty);
    expect(faulty.terms.every(({ signal }) => signal.aborted)).toBe(true);
  });

  it('is not called for a new term before it has returned from the last one', async () => {
    let running = 0;
    const overlaps: number[] = [];
    let release: () => void = () => undefined;
    const slow = instance('slow', {
      duty: async (term) => {
        overlaps.push((running += 1));
        await untilAborted(term);
        await new Promise<void>((resolve) => (release = resolve));
        running -= 1;
      },
    }).stand();
    (await leads(slow)).fenced();
    await eventually(async () => expect(await line()).toEqual([]));
    expect(slow.campaign.state).toBe('stepping-down');
    release();
    await eventually(() => slow.terms.length === 2);
    release();
    expect(overlaps).toEqual([1, 1]);
  });
});

describe('a leader that dies', () => {
  it('is replaced within the session timeout and half a second', async () => {
    const proxy = await proxyTo(zookeeper);
    const { leader, next, term } = await leaderAndNext(through(proxy));
    const diedAt = performance.now();
    proxy.fallSilent();
    const successor = await leads(next);
    expect(next.latestTermAt - diedAt).toBeLessThan(SESSION_TIMEOUT_MS + 500);
    expect(successor.epoch).toBe(term.epoch + 1n);
    // It has not heard yet: that is what the epoch is for.
    expect(term.signal.aborted).toBe(false);

    proxy.heal();
    await eventually(() => term.signal.aborted);
    await standsBy(leader);
    expect(await line()).toEqual(['next', 'leader']);
  });

  it('by kill -9 as a real process is replaced just as quickly', async () => {
    const leader = await CandidateProcess.start({
      zookeeper: zookeeper.address,
      root,
      databaseUrl: database.url,
    });
    const next = instance('next').stand();
    await standsBy(next);
    const diedAt = performance.now();
    leader.kill('SIGKILL');
    await leads(next);
    expect(next.latestTermAt - diedAt).toBeLessThan(SESSION_TIMEOUT_MS + 500);
  });

  it('by SIGTERM as a real process hands over within 100 ms', async () => {
    const leader = await CandidateProcess.start({
      zookeeper: zookeeper.address,
      root,
      databaseUrl: database.url,
    });
    const next = instance('next').stand();
    await standsBy(next);
    const toldAt = performance.now();
    leader.kill('SIGTERM');
    await leads(next);
    expect(next.latestTermAt - toldAt).toBeLessThan(100);
  });
});

describe('when the network fails', () => {
  it('an expired session is followed by a new session and a new candidacy', async () => {
    const proxy = await proxyTo(zookeeper);
    const only = instance('only', through(proxy)).stand();
    const first = await leads(only);
    const session = only.session.id;
    proxy.refuse();
    await eventually(async () => expect(await line()).toEqual([]));
    proxy.heal();
    await eventually(() => first.signal.aborted);
    const second = await leads(only);
    expect(second.epoch).toBe(first.epoch + 1n);
    expect(only.session.id).not.toBe(session);
    expect(await line()).toEqual(['only']);
  });

  it('for less than the session timeout, the leader keeps its term', async () => {
    const proxy = await proxyTo(zookeeper);
    const { leader, term } = await leaderAndNext(through(proxy));
    for (let round = 0; round < 5; round += 1) {
      proxy.refuse();
      await eventually(() => !leader.session.connected);
      proxy.heal();
      await eventually(() => leader.session.connected);
    }
    await passing(SESSION_TIMEOUT_MS);
    expect(leader.term).toBe(term);
    expect(leader.terms).toHaveLength(1);
  });

  it.each(['drop', 'cut'] as const)(
    'and the answer to the creation of a candidate is lost (%s), no second candidate remains',
    async (how) => {
      const proxy = await proxyTo(zookeeper);
      const unlucky = instance('unlucky', through(proxy));
      await eventually(() => unlucky.session.connected);
      let lost = 0;
      proxy.filterReplies((chunk) => {
        // Only that answer has such a name in it: there is no other candidate, and contents do not repeat the name.
        if (lost > 0 || !chunk.includes('/candidate-')) return chunk;
        lost += 1;
        return how === 'drop' ? 'drop' : { cutAfter: Buffer.alloc(0) };
      });
      unlucky.stand();
      await leads(unlucky);
      expect(lost).toBe(1);
      expect(await line()).toEqual(['unlucky']);
    },
  );

  it('the node of a leader that somebody deletes ends the term', async () => {
    const { leader, next, term } = await leaderAndNext();
    const [first] = inLine(await next.session.children(`${root}/${ELECTION}`));
    await next.session.remove(`${root}/${ELECTION}/${first}`);
    await eventually(() => term.signal.aborted);
    await leads(next);
    await standsBy(leader);
    expect(await line()).toEqual(['next', 'leader']);
  });
});

describe('a candidate node', () => {
  it('that belongs to another session is first in line for that one only', async () => {
    const [owner, other] = [instance('owner'), instance('other')];
    await eventually(() => owner.session.connected && other.session.connected);
    const nodesOf = ({ id, session }: Instance) =>
      new CandidateNodes(session, `${root}/${ELECTION}`, { id, host: 'localhost', pid: process.pid });
    const candidate = await nodesOf(owner).enrol('one', () => true);
    if (candidate === undefined) throw new Error('not enrolled');
    expect(await nodesOf(owner).survey(candidate, () => undefined)).toBe('first');
    expect(await nodesOf(other).survey(candidate, () => undefined)).toBe('gone');
  });
});

describe('when the server fails', () => {
  let own: TestZookeeper;

  beforeEach(async () => {
    own = await TestZookeeper.start();
  });

  afterEach(async () => {
    await Promise.all(instances.map((each) => each.stop()));
    await own.stop();
  });

  it('and is restarted with its data, the leader keeps its term, however long that took', async () => {
    const leader = instance('leader', { zookeeper: own.address }).stand();
    const term = await leads(leader);
    const next = instance('next', { zookeeper: own.address }).stand();
    await standsBy(next);
    await own.server.kill();
    await passing(2 * SESSION_TIMEOUT_MS);
    expect(term.signal.aborted).toBe(false);
    await own.server.start();
    await eventually(() => leader.session.connected && next.session.connected);
    await passing(SESSION_TIMEOUT_MS);
    expect(leader.term).toBe(term);
    await leader.campaign.resign();
    expect((await leads(next)).epoch).toBe(term.epoch + 1n);
  });

  it('and loses its data, there is a leader again, with a higher epoch', async () => {
    const a = instance('a', { zookeeper: own.address });
    await eventually(() => a.session.connected);
    // Transactions, so that the emptied server will be far behind.
    for (let i = 0; i < 50; i += 1) await a.session.create(`/busy-${i}`, '', 'persistent');
    const before = await leads(a.stand());
    const recordBefore = await epochs.read(ELECTION);
    const b = instance('b', { zookeeper: own.address }).stand();
    await standsBy(b);
    await own.wipe();
    await eventually(() => before.signal.aborted);
    const after = await eventually(() => a.term ?? b.term ?? Promise.reject(new Error('nobody leads')), {
      within: 20_000,
    });
    expect(after.epoch).toBe(before.epoch + 1n);
    expect((await epochs.read(ELECTION))?.czxid).toBeLessThan(recordBefore?.czxid ?? 0n);
    expect([a, b].filter(({ term }) => term !== undefined)).toHaveLength(1);
  });

  it('or is not there yet, candidates wait for it', async () => {
    await own.server.kill();
    const early = instance('early', { zookeeper: own.address }).stand();
    expect(early.campaign.state).toBe('connecting');
    expect(early.session.connected).toBe(false);
    await own.server.start();
    await leads(early);
  });
});

describe('with an ensemble of three servers', () => {
  let ensemble: TestEnsemble;

  beforeEach(async () => {
    ensemble = await TestEnsemble.start();
  });

  afterEach(async () => {
    await Promise.all(instances.map((each) => each.stop()));
    await ensemble.stop();
  });

  it('the leader keeps its term when the server it is connected to dies, even when that led the ensemble', async () => {
    const leader = instance('leader', { zookeeper: ensemble.address }).stand();
    const term = await leads(leader);
    const { id } = leader.session;
    const events: string[] = [];
    for (const event of ['suspended', 'connected'] as const)
      leader.session.on(event, () => events.push(event));
    const connections = await Promise.all(ensemble.servers.map((server) => ensemble.connections(server)));
    await ensemble.servers[connections.indexOf(1)]?.kill();
    await eventually(() => expect(events).toEqual(['suspended', 'connected']));
    expect(leader.session.id).toBe(id);
    await passing(SESSION_TIMEOUT_MS);
    expect(leader.term).toBe(term);
  });

  it('nobody is elected while there is no quorum, the leader goes on, and all is well when there is one again', async () => {
    const leader = instance('leader', { zookeeper: ensemble.address }).stand();
    const term = await leads(leader);
    const next = instance('next', { zookeeper: ensemble.address }).stand();
    await standsBy(next);
    const [, ...majority] = ensemble.servers;
    for (const server of majority) server.pause();
    await eventually(() => !leader.session.connected && !next.session.connected);
    await passing(SESSION_TIMEOUT_MS);
    expect(term.signal.aborted).toBe(false);
    expect(next.terms).toEqual([]);
    for (const server of majority) server.resume();
    await eventually(() => leader.session.connected && next.session.connected);
    await eventually(() => [leader, next].filter((each) => each.term !== undefined).length === 1);
    await eventually(() => [leader, next].filter((each) => each.campaign.state === 'standby').length === 1);
  });
});

describe('when the epoch store fails', () => {
  it('the first in line tries again, and does not lead without an epoch', async () => {
    let failures = 2;
    const failing = withAdvance(async (...candidate) => {
      if ((failures -= 1) >= 0) throw new Error('the database is away');
      return epochs.advance(...candidate);
    });
    const only = instance('only', { epochs: failing }).stand();
    expect((await leads(only)).epoch).toBe(1n);
  });

  it('only for the first in line, that one makes way', async () => {
    const cutOff = instance('cut-off', {
      epochs: withAdvance(() => Promise.reject(new Error('the database is away'))),
    }).stand();
    await eventually(() => cutOff.campaign.state === 'confirming');
    const next = instance('next').stand();
    await leads(next);
    expect(cutOff.terms).toEqual([]);
  });

  it('after it has granted the epoch, that epoch is found again and used', async () => {
    let calls = 0;
    const unsure = withAdvance(async (...candidate) => {
      const answer = await epochs.advance(...candidate);
      if ((calls += 1) === 1) throw new Error('the answer was lost');
      return answer;
    });
    const only = instance('only', { epochs: unsure }).stand();
    expect((await leads(only)).epoch).toBe(1n);
    expect(calls).toBe(2);
  });
});

function withAdvance(advance: EpochStore['advance']): EpochStore {
  return {
    advance,
    seize: (...candidate) => epochs.seize(...candidate),
    read: (election) => epochs.read(election),
  };
}

/** How often the node of the first candidate was written. */
async function dataVersion(): Promise<bigint> {
  const observer = instance('observer');
  await eventually(() => observer.session.connected);
  const [first] = inLine(await observer.session.children(`${root}/${ELECTION}`));
  const { stat } = await observer.session.get(`${root}/${ELECTION}/${first}`);
  await observer.session.close();
  return stat.mzxid;
}

/** For what must not happen, there is nothing to wait for but time. */
async function passing(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
