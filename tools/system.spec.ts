import { describe, expect, it } from 'vitest';
import type { ProcessRecord } from './process-registry.js';
import { missingServices, serviceEnvironment } from './system.js';

const record = (name: string, kind: ProcessRecord['kind']): ProcessRecord => ({
  name,
  kind,
  pid: 1,
  startedAt: '',
  port: 1,
  logFile: '',
});

describe('missingServices', () => {
  it('is everything at first, stores before schedulers before executors', () => {
    const missing = missingServices({ store: 1, scheduler: 1, executor: 2 }, []);
    expect(missing.map(({ id }) => id)).toEqual(['store-1', 'scheduler-1', 'executor-1', 'executor-2']);
  });

  it('is only what does not run', () => {
    const running = [record('store-1', 'store'), record('executor-2', 'executor')];
    const missing = missingServices({ store: 1, scheduler: 0, executor: 2 }, running);
    expect(missing).toEqual([{ kind: 'executor', index: 0, id: 'executor-1' }]);
  });
});

describe('serviceEnvironment', () => {
  it('passes on what a person has set', () => {
    expect(serviceEnvironment({ LOG_LEVEL: 'debug', LOG_FORMAT: 'pretty' }, {})).toMatchObject({
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'pretty',
      ZOOKEEPER_ROOT: '/triumvir',
    });
  });

  it('lets no other connection through than the one that was provided', () => {
    const env = serviceEnvironment(
      { REDIS_URL: 'redis://elsewhere', DATABASE_URL: 'x' },
      { REDIS_HOST: '127.0.0.1' },
    );
    expect(env).toEqual({ ZOOKEEPER_ROOT: '/triumvir', LOG_FORMAT: 'json', REDIS_HOST: '127.0.0.1' });
  });
});
