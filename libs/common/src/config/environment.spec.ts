import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  databaseEnvironment,
  EnvironmentError,
  identityEnvironment,
  parseEnvironment,
  processEnvironment,
  redisEnvironment,
  wholeNumber,
  zookeeperEnvironment,
} from './environment.js';
import { queueName } from './names.js';

const DATABASE_URL = 'postgresql://triumvir:s3cret@127.0.0.1:5432/triumvir';
const everything = processEnvironment
  .and(identityEnvironment)
  .and(databaseEnvironment)
  .and(redisEnvironment)
  .and(zookeeperEnvironment);

function faultOf(schema: z.ZodType, source: Record<string, string>): string {
  try {
    parseEnvironment(schema, source);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

test('everything but the database has a default', () => {
  expect(parseEnvironment(everything, { DATABASE_URL })).toMatchObject({
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    SHUTDOWN_GRACE_MS: 30_000,
    PG_MAX_CONNS: 10,
    REDIS_HOST: 'localhost',
    REDIS_PORT: 6379,
    ZOOKEEPER_HOST: 'localhost:2181',
    ZOOKEEPER_ROOT: '/triumvir',
  });
});

test('numbers come out as numbers, and unknown variables stay outside', () => {
  const parsed = parseEnvironment(everything, {
    DATABASE_URL,
    PG_MAX_CONNS: '25',
    REDIS_PORT: '7000',
    HOME: '/home/somebody',
  });
  expect(parsed).toMatchObject({ PG_MAX_CONNS: 25, REDIS_PORT: 7000 });
  expect(parsed).not.toHaveProperty('HOME');
});

test('an empty value means that it is not set', () => {
  expect(parseEnvironment(everything, { DATABASE_URL, REDIS_PORT: '', REDIS_URL: '' })).toMatchObject({
    REDIS_PORT: 6379,
  });
  expect(faultOf(everything, { DATABASE_URL: '' })).toBe('Cannot start: DATABASE_URL is not set');
});

test('REDIS_ADDR takes the place of host and port', () => {
  const parsed = parseEnvironment(redisEnvironment, { REDIS_ADDR: 'cache:6380', REDIS_HOST: 'elsewhere' });
  expect(parsed).toMatchObject({ REDIS_HOST: 'cache', REDIS_PORT: 6380 });
  expect(parsed).not.toHaveProperty('REDIS_ADDR');
});

test.each([
  ['NODE_ENV', 'staging'],
  ['LOG_LEVEL', 'verbose'],
  ['LOG_FORMAT', 'xml'],
  ['SHUTDOWN_GRACE_MS', '-1'],
  ['SHUTDOWN_GRACE_MS', '30s'],
  ['SHUTDOWN_GRACE_MS', '1e3'],
  ['SHUTDOWN_GRACE_MS', '3600001'],
  ['DATABASE_URL', 'mysql://root:hunter2@db/x'],
  ['DATABASE_URL', 'postgresql://u:hunter2@db/x y'],
  ['PG_MAX_CONNS', '1'],
  ['PG_MAX_CONNS', ' 10'],
  ['REDIS_PORT', '65536'],
  ['REDIS_ADDR', 'cache'],
  ['REDIS_ADDR', 'cache:port'],
  ['REDIS_URL', 'http://:hunter2@cache'],
  ['REDIS_PREFIX', 'a:b'],
  ['ZOOKEEPER_HOST', 'zk1'],
  ['ZOOKEEPER_HOST', 'zk1:2181,zk2'],
  ['ZOOKEEPER_ROOT', 'triumvir'],
  ['ZOOKEEPER_ROOT', '/triumvir/'],
  ['ZOOKEEPER_SESSION_TIMEOUT_MS', '999'],
  ['INSTANCE_ID', 'a/b'],
])('%s=%j stops the start; the message names the setting and not its value', (name, value) => {
  const message = faultOf(everything, { DATABASE_URL, [name]: value });
  expect(message).toMatch(new RegExp(`^Cannot start: ${name} is wrong: .+`));
  expect(message).not.toContain('\n');
  expect(message.replace(name, '')).not.toContain(`${value}"`);
  expect(message).not.toContain('hunter2');
});

test('every wrong setting is named at once', () => {
  const message = faultOf(everything, { REDIS_PORT: 'x', LOG_LEVEL: 'y' });
  for (const name of ['DATABASE_URL is not set', 'REDIS_PORT is wrong', 'LOG_LEVEL is wrong'])
    expect(message).toContain(name);
});

test('no value that is refused is repeated in the message, whatever it is', () => {
  const secret = fc.string({ minLength: 12, maxLength: 60 }).filter((text) => /[^\s]{12}/.test(text));
  fc.assert(
    fc.property(
      secret,
      fc.constantFrom('DATABASE_URL', 'REDIS_URL', 'REDIS_PREFIX', 'ZOOKEEPER_ROOT'),
      (value, name) => {
        const marked = `!!! ${value}`;
        expect(faultOf(everything, { DATABASE_URL, [name]: marked })).not.toContain(value);
      },
    ),
  );
});

test('a wrong item of a list is told of under the name of its setting', () => {
  const list = z.object({
    QUEUES: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(queueName)),
  });
  expect(faultOf(list, { QUEUES: 'good,not good' })).toMatch(
    /^Cannot start: QUEUES is wrong: must be 1 to 100 letters/,
  );
});

test('a whole number is accepted exactly between its bounds', () => {
  const schema = z.object({ N: wholeNumber(-5, 5) });
  fc.assert(
    fc.property(fc.integer({ min: -20, max: 20 }), (n) => {
      const accepted = schema.safeParse({ N: String(n) });
      expect(accepted.success).toBe(n >= -5 && n <= 5);
    }),
  );
});
