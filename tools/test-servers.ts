/** Postgres, Redis and ZooKeeper for tests: the profile's own, on any free ports, whatever a person's settings point to. */
import type { Settings } from './env-file.js';
import type { Profile } from './profile.js';
import { keepCredentials } from './provision/credentials.js';
import { provideServers } from './provision/provide.js';

/** Starts what is missing; resolves with what tests read from the environment (test/support/environment.ts). */
export async function provideTestServers(profile: Profile): Promise<Settings> {
  // Servers that a run left behind when it was killed are used up; begin with new ones.
  if (profile.registry.running().length === 0) profile.empty();
  const env = await provideServers({
    profile,
    settings: {},
    credentialsFor: (servers) => keepCredentials(profile.path('credentials.env'), {}, servers),
    usualPorts: false,
  });
  const {
    DATABASE_URL = '',
    REDIS_HOST = '',
    REDIS_PORT = '',
    REDIS_PASSWORD = '',
    ZOOKEEPER_HOST = '',
  } = env;
  return {
    // Where test/support/cluster.ts records its processes and puts their logs.
    TEST_PROFILE: profile.name,
    TEST_DATABASE_URL: DATABASE_URL,
    TEST_REDIS_URL: `redis://:${REDIS_PASSWORD}@${REDIS_HOST}:${REDIS_PORT}`,
    TEST_ZOOKEEPER_HOST: ZOOKEEPER_HOST,
  };
}
