/** What Membership and ClusterView promise, held against a real ZooKeeper. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClusterView } from '#common/coordination/cluster-view.js';
import type { EpochStore } from '#common/coordination/epoch-store.js';
import type { MemberKind } from '#common/coordination/zookeeper-tree.js';
import { uniqueZookeeperRoot } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { Instance, type InstanceOptions } from './support/instance.js';
import { TestZookeeper } from './support/zookeeper.js';

/** Grants every epoch: these tests are about who is seen, not about who may write. */
const generous: EpochStore = {
  advance: () => Promise.resolve(1n),
  seize: () => Promise.resolve(1n),
  read: () => Promise.resolve(undefined),
};

let zookeeper: TestZookeeper;
let root: string;
let observer: Instance;
let view: ClusterView;
let instances: Instance[];

beforeAll(async () => {
  zookeeper = await TestZookeeper.start();
});

afterAll(() => zookeeper.stop());

beforeEach(async () => {
  root = uniqueZookeeperRoot();
  instances = [];
  observer = instance('observer');
  view = new ClusterView({ session: observer.session, root });
  await eventually(() => observer.session.connected);
});

afterEach(async () => {
  await Promise.all(instances.map((each) => each.stop()));
});

function instance(id: string, options: Partial<InstanceOptions> = {}): Instance {
  const created = new Instance({ id, zookeeper: zookeeper.address, root, epochs: generous, ...options });
  instances.push(created);
  return created;
}

async function members(kind: MemberKind): Promise<string[]> {
  return (await view.read()).members[kind].map(({ id }) => id);
}

describe('a member', () => {
  it('is seen with what it says about itself until it leaves', async () => {
    const store = instance('store-1');
    store.membership.join('store', () => Promise.resolve({ port: 3000 }));
    await eventually(async () => {
      const { members } = await view.read();
      expect(members.store).toMatchObject([{ id: 'store-1', pid: process.pid, info: { port: 3000 } }]);
      expect(members.executor).toEqual([]);
    });
    await store.membership.leave();
    expect(await members('store')).toEqual([]);
  });

  it('is seen with what it says now', async () => {
    let redis = 'ok';
    instance('scheduler-1').membership.join('scheduler', () => Promise.resolve({ redis }));
    const told = async () => (await view.read()).members.scheduler.map(({ info }) => info);
    await eventually(async () => expect(await told()).toEqual([{ redis: 'ok' }]));
    redis = 'not connected';
    await eventually(async () => expect(await told()).toEqual([{ redis: 'not connected' }]));
  });

  it('whose session expired is seen again', async () => {
    const proxy = await TcpProxy.to(zookeeper.server.port);
    const executor = instance('executor-1', { zookeeper: `127.0.0.1:${proxy.port}` });
    executor.membership.join('executor');
    await eventually(async () => expect(await members('executor')).toEqual(['executor-1']));
    proxy.refuse();
    await eventually(async () => expect(await members('executor')).toEqual([]));
    proxy.heal();
    await eventually(async () => expect(await members('executor')).toEqual(['executor-1']));
    await executor.stop();
    await proxy.close();
  });

  it('whose node somebody deletes is seen again', async () => {
    instance('store-1').membership.join('store');
    await eventually(async () => expect(await members('store')).toEqual(['store-1']));
    await observer.session.remove(`${root}/members/store/store-1`);
    await eventually(async () => expect(await members('store')).toEqual(['store-1']));
  });

  it('does not take the node of another process with the same name, and follows it when it ends', async () => {
    const old = instance('store-1');
    old.membership.join('store', () => Promise.resolve({ run: 'old' }));
    await eventually(async () => expect(await members('store')).toEqual(['store-1']));
    instance('store-1').membership.join('store', () => Promise.resolve({ run: 'new' }));
    await eventually(() => zookeeper.watches().then(({ watches }) => watches === 2));
    expect((await view.read()).members.store).toMatchObject([{ info: { run: 'old' } }]);
    await old.session.close();
    await eventually(async () =>
      expect((await view.read()).members.store).toMatchObject([{ info: { run: 'new' } }]),
    );
  });

  it('that joined before ZooKeeper could be reached is seen as soon as it can', async () => {
    const proxy = await TcpProxy.to(zookeeper.server.port);
    proxy.refuse();
    const early = instance('store-1', { zookeeper: `127.0.0.1:${proxy.port}` });
    early.membership.join('store');
    proxy.heal();
    await eventually(async () => expect(await members('store')).toEqual(['store-1']));
    await early.stop();
    await proxy.close();
  });
});

describe('the cluster view', () => {
  it('is empty where nobody has ever been', async () => {
    expect(await view.read()).toEqual({ members: { store: [], scheduler: [], executor: [] }, elections: [] });
  });

  it('shows every election with its candidates in line, the leader first', async () => {
    const a = instance('a');
    await eventually(() => a.session.connected);
    for (const election of ['scheduler/shard-0', 'executor/reclaimer', 'executor/queues/mail'])
      a.stand(election);
    await eventually(() => a.terms.length === 3);
    const b = instance('b').stand('scheduler/shard-0');
    await eventually(() => b.campaign.state === 'standby');
    const { elections } = await view.read();
    expect(elections.map(({ election }) => election)).toEqual([
      'executor/queues/mail',
      'executor/reclaimer',
      'scheduler/shard-0',
    ]);
    expect(elections[2]?.candidates).toMatchObject([
      { id: 'a', leader: true },
      { id: 'b', leader: false },
    ]);
  });

  it('leaves out what it cannot understand', async () => {
    const { session } = observer;
    await session.createParents(`${root}/members/store`);
    await session.create(`${root}/members/store/stranger`, 'not JSON', 'persistent');
    await session.createParents(`${root}/scheduler/shard-0`);
    await session.create(`${root}/scheduler/shard-0/candidate-x-0000000001`, '{}', 'persistent');
    expect(await view.read()).toEqual({
      members: { store: [], scheduler: [], executor: [] },
      elections: [{ election: 'scheduler/shard-0', candidates: [] }],
    });
  });

  it('says so when ZooKeeper cannot be asked', async () => {
    await observer.session.close();
    await expect(view.read()).rejects.toMatchObject({ name: 'ZookeeperError', failure: 'connection-loss' });
  });
});
