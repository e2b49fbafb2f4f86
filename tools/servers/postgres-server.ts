/**
 * A Postgres of the project's own: data in a folder of the project, on a loopback port, with a password and no socket
 * file. It keeps every promise of durability (fsync, synchronous_commit), in tests too, because durability is what is
 * promised.
 */
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killTrees } from '../ending.js';
import { descendants, identify, signal, type ProcessIdentity } from '../process-identity.js';
import { runCommand, tail } from '../run-command.js';
import { PlainError } from '../screen.js';
import { withDatabase, withPostgres } from '../sql.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { ServerProcess, type Server } from './server-process.js';
import { postgresAccount, runAs, type RunAs } from './unprivileged.js';

export interface PostgresOptions {
  readonly binaries: PostgresBinaries;
  /** Made, and filled, at the first start. */
  readonly dataFolder: string;
  readonly logFile: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** True: it runs on when this process ends. Default false. */
  readonly detached?: boolean;
  /** Called with the process id as soon as the process exists, so that whoever keeps a record has it before it is ready. */
  readonly onSpawn?: ((pid: number) => void) | undefined;
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  // A session that forgot its transaction would keep dead rows alive for everybody.
  idle_in_transaction_session_timeout: '30s',
  log_line_prefix: '%m [%p] ',
};

const WRONG_PASSWORD = '28P01';

export class PostgresServer implements Server {
  readonly name = 'Postgres';
  private process: ServerProcess | undefined;

  constructor(private readonly options: PostgresOptions) {}

  get port(): number {
    return this.options.port;
  }

  get pid(): number | undefined {
    return this.process?.running === true ? this.process.pid : undefined;
  }

  /** Its connection URL, with the password. */
  get url(): string {
    const { user, password, port, database } = this.options;
    return `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  }

  async start(): Promise<void> {
    const way = await this.initialise();
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const args = ['-D', this.options.dataFolder, '-p', String(this.port), ...settings];
    const [command = '', ...rest] = [...way.prefix, this.program('postgres'), ...args];
    this.process = await ServerProcess.start({
      name: this.name,
      command,
      args: rest,
      ...way.ids,
      cwd: '/',
      logFile: this.options.logFile,
      detached: this.options.detached ?? false,
      onSpawn: this.options.onSpawn,
      ready: () => this.answers(),
    });
    await this.createDatabase();
  }

  async stop(): Promise<void> {
    const identity = this.identity();
    if (identity === undefined || this.process === undefined) return;
    // SIGTERM would wait until every client has gone by itself; SIGINT ends their sessions.
    signal(identity, 'SIGINT');
    await this.process.stop();
  }

  async kill(): Promise<void> {
    const identity = this.identity();
    if (identity !== undefined) await killTrees([identity]);
  }

  pause(): void {
    this.signalAll('SIGSTOP');
  }

  resume(): void {
    this.signalAll('SIGCONT');
  }

  /** Every session is a process of its own. */
  private signalAll(name: NodeJS.Signals): void {
    const identity = this.identity();
    if (identity === undefined) return;
    for (const one of [identity, ...descendants(identity.pid)]) signal(one, name);
  }

  private identity(): ProcessIdentity | undefined {
    return this.pid === undefined ? undefined : identify(this.pid);
  }

  private program(name: string): string {
    return join(this.options.binaries.folder, name);
  }

  /** Makes the data folder unless it is there; it appears complete or not at all. */
  private async initialise(): Promise<RunAs> {
    const { dataFolder, user, password, logFile } = this.options;
    const account = postgresAccount();
    if (existsSync(join(dataFolder, 'PG_VERSION'))) return runAs(account, dataFolder);

    const unfinished = `${dataFolder}.new`;
    const passwordFile = `${dataFolder}.password`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true, mode: 0o700 });
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    try {
      if (account !== undefined) {
        for (const path of [unfinished, passwordFile]) chownSync(path, account.uid, account.gid);
      }
      const way = runAs(account, unfinished);
      const scram = ['--auth=scram-sha-256', `--username=${user}`, `--pwfile=${passwordFile}`];
      const text = ['--encoding=UTF8', '--locale=C', '--data-checksums'];
      const [command, ...args] = [...way.prefix, this.program('initdb'), ...scram, ...text, '-D', unfinished];
      if ((await runCommand(command, args, { ...way.ids, cwd: '/', logFile })) !== 0) {
        throw new PlainError(`Postgres could not make its data folder:\n${tail(logFile)}`);
      }
      renameSync(unfinished, dataFolder);
      return way;
    } finally {
      rmSync(passwordFile, { force: true });
    }
  }

  private async answers(): Promise<boolean> {
    try {
      return await withPostgres(withDatabase(this.url, 'postgres'), async () => true);
    } catch (error) {
      // It serves; waiting longer will not make the password right.
      if (codeOf(error) === WRONG_PASSWORD) return true;
      throw error;
    }
  }

  private async createDatabase(): Promise<void> {
    const { database, dataFolder } = this.options;
    try {
      await withPostgres(withDatabase(this.url, 'postgres'), async (client) => {
        const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
        if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
      });
    } catch (error) {
      await this.stop();
      if (codeOf(error) !== WRONG_PASSWORD) throw error;
      throw new PlainError(
        `The data in ${dataFolder} was made with another POSTGRES_USER or POSTGRES_PASSWORD than .env has now.\n` +
          'Put the old ones back, or delete that folder to begin with an empty database.',
      );
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
