/** Passwords for the servers that we make: generated once, kept where only their owner reads them. */
import { randomBytes } from 'node:crypto';
import { fillInFile, readEnvFile, type Settings } from '../env-file.js';
import type { Credentials, ServerName } from './server-names.js';

const NAMES: Readonly<Record<ServerName, readonly (keyof Credentials)[]>> = {
  postgres: ['POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB'],
  redis: ['REDIS_PASSWORD'],
  zookeeper: [],
};

export function generateCredentials(): Credentials {
  return {
    POSTGRES_USER: 'triumvir',
    POSTGRES_PASSWORD: randomBytes(24).toString('hex'),
    POSTGRES_DB: 'triumvir',
    REDIS_PASSWORD: randomBytes(24).toString('hex'),
  };
}

/** Credentials from `environment` and the file; what neither has is generated and written to the file. */
export function keepCredentials(
  file: string,
  environment: Settings,
  servers: readonly ServerName[],
): Credentials {
  const known = { ...readEnvFile(file), ...environment };
  const credentials = { ...generateCredentials() };
  for (const name of Object.values(NAMES).flat()) credentials[name] = known[name] ?? credentials[name];

  const needed = servers.flatMap((server) => NAMES[server]).filter((name) => environment[name] === undefined);
  fillInFile(file, Object.fromEntries(needed.map((name) => [name, credentials[name]])));
  return credentials;
}
