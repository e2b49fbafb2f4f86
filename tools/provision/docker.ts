/** Last choice: the servers of docker-compose.yaml in containers, published on loopback ports. */
import { withoutEmpty, type Settings } from '../env-file.js';
import { outputOf, runCommand, tail } from '../run-command.js';
import { ROOT } from '../root.js';
import type { Credentials, ServerName } from './server-names.js';

/** How docker-compose.yaml calls the published port of each server. */
const PORT_SETTINGS: Readonly<Record<ServerName, string>> = {
  postgres: 'POSTGRES_PORT',
  redis: 'REDIS_PORT',
  zookeeper: 'ZOOKEEPER_PORT',
};

export function dockerUsable(): boolean {
  return (
    outputOf('docker', ['info', '--format', '{{.ServerVersion}}']) !== undefined &&
    outputOf('docker', ['compose', 'version', '--short']) !== undefined
  );
}

/** The compose file demands these even of commands that do not use them. */
export const NO_CREDENTIALS = {
  POSTGRES_PASSWORD: 'unused',
  REDIS_PASSWORD: 'unused',
  STORE_BOOTSTRAP_KEY: 'unused',
};

/** Containers, network and volumes of one profile. */
export class ComposeProject {
  constructor(
    private readonly name: string,
    private readonly logFile: string,
  ) {}

  /** Starts the servers and waits until they are healthy; resolves with why it failed, or undefined when it did not. */
  async up(ports: ReadonlyMap<ServerName, number>, credentials: Credentials): Promise<string | undefined> {
    const published = [...ports].map(([server, port]) => [PORT_SETTINGS[server], String(port)]);
    const settings: Settings = { ...NO_CREDENTIALS, ...credentials, ...Object.fromEntries(published) };
    const exitCode = await this.compose(['up', '-d', '--wait', ...ports.keys()], settings);
    return exitCode === 0 ? undefined : `docker compose failed:\n${tail(this.logFile, 5)}`;
  }

  async stop(servers: readonly ServerName[]): Promise<void> {
    await this.compose(['stop', ...servers], NO_CREDENTIALS);
  }

  /** Ends the containers and deletes their data. */
  async remove(): Promise<void> {
    await this.compose(['down', '--volumes', '--remove-orphans'], NO_CREDENTIALS);
  }

  /** ZooKeeper's own shell, in its container. */
  zkcli(words: readonly string[]): Promise<number> {
    return runCommand('docker', [...this.arguments(), 'exec', 'zookeeper', 'zkCli.sh', ...words], {
      cwd: ROOT,
      env: { ...withoutEmpty(process.env), ...NO_CREDENTIALS },
    });
  }

  isRunning(server: ServerName): boolean {
    const running = outputOf('env', [
      ...Object.entries(NO_CREDENTIALS).map(([name, value]) => `${name}=${value}`),
      'docker',
      ...this.arguments(),
      'ps',
      '--services',
      '--status',
      'running',
    ]);
    return running?.split('\n').includes(server) ?? false;
  }

  private compose(args: readonly string[], settings: Settings): Promise<number> {
    const env = { ...withoutEmpty(process.env), ...settings };
    return runCommand('docker', [...this.arguments(), ...args], { env, cwd: ROOT, logFile: this.logFile });
  }

  private arguments(): string[] {
    return ['compose', '--project-name', this.name, '--file', `${ROOT}/docker-compose.yaml`];
  }
}
