/** A Redis of the project's own: on a loopback port, with a password, an append-only file, and no eviction. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from '../run-command.js';
import { findProgram } from './find-program.js';
import { pingRedis } from './redis-ping.js';
import { ServerProcess, type Server } from './server-process.js';

export interface RedisBinary {
  readonly program: string;
  readonly version: string;
}

export interface RedisOptions {
  readonly binary: RedisBinary;
  readonly dataFolder: string;
  readonly logFile: string;
  readonly port: number;
  readonly password: string;
  /** True: it runs on when this process ends. Default false. */
  readonly detached?: boolean;
  /** Called with the process id as soon as the process exists, so that whoever keeps a record has it before it is ready. */
  readonly onSpawn?: ((pid: number) => void) | undefined;
}

/** redis-server, or Valkey, which is the same to its clients. */
export function findRedis(): RedisBinary | undefined {
  const program = findProgram('redis-server') ?? findProgram('valkey-server');
  if (program === undefined) return undefined;
  const version = /v=(\d+(?:\.\d+)*)/.exec(outputOf(program, ['--version']) ?? '')?.[1];
  return version === undefined ? undefined : { program, version };
}

export class RedisServer implements Server {
  readonly name = 'Redis';
  private process: ServerProcess | undefined;

  constructor(private readonly options: RedisOptions) {}

  get port(): number {
    return this.options.port;
  }

  get pid(): number | undefined {
    return this.process?.running === true ? this.process.pid : undefined;
  }

  /** Its connection URL, with the password. */
  get url(): string {
    return `redis://:${encodeURIComponent(this.options.password)}@127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const { binary, dataFolder, logFile, password, detached } = this.options;
    mkdirSync(dataFolder, { recursive: true });
    const configuration = join(dataFolder, 'redis.conf');
    // In a file that only its owner reads: everybody sees the arguments of a process.
    writeFileSync(configuration, configurationFor(this.options), { mode: 0o600 });
    this.process = await ServerProcess.start({
      name: this.name,
      command: binary.program,
      args: [configuration],
      cwd: dataFolder,
      logFile,
      detached: detached ?? false,
      onSpawn: this.options.onSpawn,
      ready: async () => (await pingRedis({ host: '127.0.0.1', port: this.port, password })) === 'PONG',
    });
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  async kill(): Promise<void> {
    await this.process?.kill();
  }

  pause(): void {
    this.process?.pause();
  }

  resume(): void {
    this.process?.resume();
  }
}

function configurationFor({ port, password }: RedisOptions): string {
  const settings = [
    ['bind', '127.0.0.1'],
    ['port', String(port)],
    ['requirepass', JSON.stringify(password)],
    ['appendonly', 'yes'],
    // What is evicted would be a lost hand-over: better to refuse a write.
    ['maxmemory-policy', 'noeviction'],
    // The append-only file is the copy on disk; snapshots beside it would only cost.
    ['save', '""'],
  ];
  return settings.map((setting) => setting.join(' ')).join('\n') + '\n';
}
