/** A ZooKeeper of a test's own, which it may kill, freeze and empty, with short sessions so that tests need not wait. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#tools/servers/server-process.js';
import { ZookeeperServer } from '#tools/servers/zookeeper-server.js';

export class TestZookeeper {
  private constructor(
    readonly server: ZookeeperServer,
    private readonly dir: string,
  ) {}

  static async start(): Promise<TestZookeeper> {
    const dir = await mkdtemp(join(tmpdir(), 'triumvir-zookeeper-'));
    const server = new ZookeeperServer({ dir, port: await freePort() });
    await server.start();
    return new TestZookeeper(server, dir);
  }

  get address(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  /** Kills the server and starts it again with nothing in it. */
  async wipe(): Promise<void> {
    await this.server.kill();
    await rm(join(this.dir, 'data'), { recursive: true });
    await this.server.start();
  }

  /** How many watches are set on the whole server, and on how many nodes. */
  async watches(): Promise<{ watches: number; paths: number }> {
    const answer = await this.server.ask('wchs');
    return {
      watches: Number(/Total watches:(\d+)/.exec(answer)?.[1]),
      paths: Number(/watching (\d+) paths/.exec(answer)?.[1]),
    };
  }

  async stop(): Promise<void> {
    await this.server.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Three servers, of which two are enough. */
export class TestEnsemble {
  private constructor(
    readonly servers: readonly ZookeeperServer[],
    private readonly dir: string,
  ) {}

  static async start(): Promise<TestEnsemble> {
    const dir = await mkdtemp(join(tmpdir(), 'triumvir-ensemble-'));
    const servers = await ZookeeperServer.ensemble(3, { dir });
    await Promise.all(servers.map((server) => server.start()));
    return new TestEnsemble(servers, dir);
  }

  get address(): string {
    return this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** How many client connections a server has, the one that asks not counted. */
  async connections(server: ZookeeperServer): Promise<number> {
    const answer = await server.ask('cons');
    return (answer.match(/sid=/g) ?? []).length;
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
    await rm(this.dir, { recursive: true, force: true });
  }
}
