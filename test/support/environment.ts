/** The servers that `make test` or `make test-servers` provides, and names that no two test files share on them. */
import { randomBytes } from 'node:crypto';

export interface TestServers {
  /** Of a superuser, so that tests can create databases; see createTestDatabase. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** `host:port` */
  readonly zookeeperHost: string;
}

/** @throws Error that says how to get servers when there are none. */
export function testServers(): TestServers {
  return {
    databaseUrl: required('TEST_DATABASE_URL'),
    redisUrl: required('TEST_REDIS_URL'),
    zookeeperHost: required('TEST_ZOOKEEPER_HOST'),
  };
}

/** A name that nobody else uses, such as `jobs_3f9a1c04b7e2`: for a database, a prefix of Redis keys, a queue. */
export function uniqueName(label: string): string {
  return `${label}_${randomBytes(6).toString('hex')}`;
}

/** A ZOOKEEPER_ROOT that nobody else uses. */
export function uniqueZookeeperRoot(): string {
  return `/${uniqueName('test')}`;
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(
      `${name} is not set: this test needs real servers. Run "make test", or for single files: eval "$(make -s test-servers)"`,
    );
  }
  return value;
}
