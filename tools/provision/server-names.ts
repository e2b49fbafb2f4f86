/** The three servers that everything stands on, and what is remembered about each. */
import type { Settings } from '../env-file.js';

export const SERVER_NAMES = ['postgres', 'redis', 'zookeeper'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

export const DISPLAY_NAMES: Readonly<Record<ServerName, string>> = {
  postgres: 'Postgres',
  redis: 'Redis',
  zookeeper: 'ZooKeeper',
};

export const USUAL_PORTS: Readonly<Record<ServerName, number>> = {
  postgres: 5432,
  redis: 6379,
  zookeeper: 2181,
};

/** Where a server came from; only what is local or in Docker is ours to stop. */
export type Source = 'given' | 'local' | 'docker';

export interface Provided {
  readonly source: Source;
  /** Undefined for a server that was given: its address is its owner's business. */
  readonly port?: number | undefined;
  /** What the services need in their environment to reach it. */
  readonly env: Settings;
}

/** Names and passwords of the servers that we make ourselves. */
export interface Credentials {
  readonly POSTGRES_USER: string;
  readonly POSTGRES_PASSWORD: string;
  readonly POSTGRES_DB: string;
  readonly REDIS_PASSWORD: string;
}

/** How to reach a server of our own on this machine. */
export function connectionTo(name: ServerName, port: number, credentials: Credentials): Settings {
  switch (name) {
    case 'postgres': {
      const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = credentials;
      const login = `${encodeURIComponent(POSTGRES_USER)}:${encodeURIComponent(POSTGRES_PASSWORD)}`;
      return { DATABASE_URL: `postgresql://${login}@127.0.0.1:${port}/${encodeURIComponent(POSTGRES_DB)}` };
    }
    case 'redis':
      return {
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: String(port),
        REDIS_PASSWORD: credentials.REDIS_PASSWORD,
      };
    case 'zookeeper':
      return { ZOOKEEPER_HOST: `127.0.0.1:${port}` };
    default:
      throw new Error(name satisfies never);
  }
}
