/** The chart's second Postgres is a standby of the first: its scripts and settings, with real servers of this machine. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PrismaService } from '#common/database/prisma.service.js';
import { createLogger } from '#common/logging/logger.js';
import { withPostgres } from '#tools/sql.js';
import { runCommand, tail } from '#tools/run-command.js';
import { findPostgres } from '#tools/servers/postgres-binaries.js';
import { freePort, ServerProcess } from '#tools/servers/server-process.js';
import { postgresAccount, runAs } from '#tools/servers/unprivileged.js';
import { eventually } from '../support/eventually.js';
import { containerOf, HELM_RUNS_HERE, render, the } from '../support/helm-chart.js';

const PASSWORD = 'not-a-secret';
const binaries = findPostgres();

interface Node {
  readonly pod: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly url: string;
}

describe.skipIf(!HELM_RUNS_HERE || binaries === undefined)("the chart's second Postgres", () => {
  const running: ServerProcess[] = [];
  const account = postgresAccount();
  let folder: string;
  let primary: Node;
  let standby: Node;

  const logFile = () => join(folder, 'log');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'triumvir-standby-'));
    await chmod(folder, 0o755);
    const { data = {} } = the(render(), 'ConfigMap', 'postgres');
    for (const [name, text] of Object.entries(data)) await writeFile(join(folder, name), text);
    primary = await nodeOf('postgres-0');
    standby = await nodeOf('postgres-1');
    await writeFile(join(folder, 'password'), PASSWORD);
    const init = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${join(folder, 'password')}`];
    await succeeds(primary, ['initdb', ...init, '-D', primary.dataFolder]);
    await start(primary);
  });
  afterAll(async () => {
    for (const server of running.toReversed()) await server.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function nodeOf(pod: string): Promise<Node> {
    // A volume each, as the pods have it.
    const volume = join(folder, pod);
    await mkdir(volume);
    if (account !== undefined) await chown(volume, account.uid, account.gid);
    const port = await freePort();
    const url = `postgresql://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
    return { pod, port, dataFolder: join(volume, 'triumvir'), url };
  }

  /** What the pod has in its environment; PGPORT is where everybody finds the primary. */
  const environment = ({ pod, dataFolder }: Node) => ({
    PATH: `${binaries?.folder}:${process.env['PATH']}`,
    PGDATA: dataFolder,
    POD: pod,
    PRIMARY: '127.0.0.1',
    PGPORT: String(primary.port),
    POSTGRES_USER: 'postgres',
    PGPASSWORD: PASSWORD,
  });

  async function succeeds(node: Node, command: readonly string[]): Promise<void> {
    const { prefix, ids } = runAs(account, folder);
    const [program = '', ...args] = [...prefix, ...command];
    const options = { ...ids, cwd: '/', env: environment(node), logFile: logFile() };
    expect(await runCommand(program, args, options), tail(logFile())).toBe(0);
  }

  const prepare = (node: Node) => succeeds(node, ['sh', join(folder, 'copy-primary.sh')]);

  /** With the arguments of the container, but for where this machine has things. */
  async function start(node: Node): Promise<void> {
    const { args = [] } = containerOf(the(render(), 'StatefulSet', 'postgres'), 'postgres');
    const given = args
      .slice(1)
      .map((argument) =>
        argument
          .replace('/etc/postgres/', `${folder}/`)
          .replace('host=postgres-service', 'host=127.0.0.1')
          .replace('$(POD)', node.pod),
      );
    const here = ['listen_addresses=127.0.0.1', `port=${node.port}`, 'unix_socket_directories='];
    const { prefix, ids } = runAs(account, folder);
    const [command = '', ...rest] = [
      ...prefix,
      join(binaries?.folder ?? '', 'postgres'),
      ...given,
      ...here.flatMap((setting) => ['-c', setting]),
    ];
    running.push(
      await ServerProcess.start({
        name: node.pod,
        command,
        args: rest,
        ...ids,
        cwd: '/',
        env: environment(node),
        logFile: logFile(),
        ready: () => withPostgres(node.url, async () => true),
      }),
    );
  }

  const valuesAt = ({ url }: Node) =>
    withPostgres(url, async (connection) => {
      const { rows } = await connection.query<{ value: number }>('SELECT value FROM kept ORDER BY value');
      return rows.map(({ value }) => value);
    });

  const write = ({ url }: Node, value: number) =>
    withPostgres(url, (connection) => connection.query('INSERT INTO kept VALUES ($1)', [value]));

  /** What a service that was pointed to this one would say of it. */
  async function readiness({ url }: Node): Promise<string | undefined> {
    const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });
    const prisma = new PrismaService({ DATABASE_URL: url, PG_MAX_CONNS: 2 }, 'triumvir-test', log);
    const fault = await prisma.check();
    await prisma.onApplicationShutdown();
    return fault;
  }

  test('copies the first, follows what is written there, takes no writes, and goes on after both were away', async () => {
    await withPostgres(primary.url, (connection) => connection.query('CREATE TABLE kept (value integer)'));
    await write(primary, 1);
    await prepare(standby);
    await start(standby);
    expect(await valuesAt(standby)).toEqual([1]);

    await write(primary, 2);
    await eventually(async () => expect(await valuesAt(standby)).toEqual([1, 2]));
    await expect(write(standby, 3)).rejects.toThrow(/read-only/);
    expect(await readiness(standby)).toContain('standby');
    const followers = await withPostgres(primary.url, (connection) =>
      connection.query('SELECT application_name, state FROM pg_stat_replication'),
    );
    expect(followers.rows).toEqual([{ application_name: 'postgres-1', state: 'streaming' }]);

    for (const server of running.splice(0).toReversed()) await server.stop();
    // The pods start again: neither the primary's data nor the standby's is touched.
    await prepare(primary);
    await start(primary);
    await prepare(standby);
    await start(standby);
    await write(primary, 4);
    await eventually(async () => expect(await valuesAt(standby)).toEqual([1, 2, 4]));
  });
});
