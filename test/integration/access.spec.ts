/** Who may come in when a store starts: keys, the environment, and what neither gives. On a real database. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ApiKeyRepository } from '#common/database/api-key.repository.js';
import { AuditRepository } from '#common/database/audit.repository.js';
import { HintListener } from '#common/database/notifications.js';
import { PruneRepository } from '#common/database/prune.repository.js';
import { StartRefusedError } from '#common/runtime/start-refused.js';
import { AccessService } from '../../apps/store-service/src/access/access.service.js';
import { AccessSettings } from '../../apps/store-service/src/access/access-settings.js';
import { digestOf } from '../../apps/store-service/src/access/api-key-text.js';
import { Caller } from '../../apps/store-service/src/access/caller.js';
import { KeyDirectory } from '../../apps/store-service/src/access/key-directory.js';
import { AuditLog } from '../../apps/store-service/src/audit/audit-log.js';
import { quiet, TestStore } from './support/database.js';

const KEY = 'a-first-key-that-is-long-enough-for-this';
const BEYOND = '0.0.0.0';

let store: TestStore;
let keys: ApiKeyRepository;
const started: KeyDirectory[] = [];

beforeAll(async () => {
  store = await TestStore.open();
  keys = new ApiKeyRepository(store.prisma);
});
beforeEach(async () => {
  for (const directory of started.splice(0)) directory.onApplicationShutdown();
  await store.prisma.query('DELETE FROM api_keys');
});
afterAll(async () => {
  for (const directory of started) directory.onApplicationShutdown();
  await store.close();
});

/** Starts what decides about access in a store. */
async function start(
  STORE_SERVICE_HOST: string,
  environment: {
    STORE_BOOTSTRAP_KEY?: string;
    STORE_ALLOW_OPEN_ACCESS?: 'I-know-that-everybody-can-run-commands';
  } = {},
  repository = keys,
): Promise<AccessService> {
  const settings = new AccessSettings({
    STORE_SERVICE_HOST,
    STORE_BOOTSTRAP_KEY: environment.STORE_BOOTSTRAP_KEY,
    STORE_ALLOW_OPEN_ACCESS: environment.STORE_ALLOW_OPEN_ACCESS,
  });
  const hints = new HintListener({ DATABASE_URL: store.url, PG_MAX_CONNS: 2 }, quiet);
  const directory = new KeyDirectory(repository, hints, settings, quiet);
  started.push(directory);
  await directory.onApplicationBootstrap();
  return new AccessService(directory);
}

const make = (scopes: readonly ('read' | 'admin')[], expiresAt: Date | null = null, text = KEY) =>
  keys.create({ name: 'k', digest: digestOf(text), scopes, queues: [], rate: null, expiresAt });
const asAdmin = (access: AccessService, key?: string) => access.authorise(key, { scope: 'admin' }, '::1');

describe('without any key', () => {
  test.each(['127.0.0.1', 'localhost', '::1'])('a store on %s is open', async (host) => {
    expect(asAdmin(await start(host)).name).toBe('open access');
  });

  test.each([BEYOND, '::', '192.168.0.7', 'store.example'])(
    'a store on %s does not start, and says what to do',
    async (host) => {
      await expect(start(host)).rejects.toThrow(StartRefusedError);
      await expect(start(host)).rejects.toThrow('STORE_BOOTSTRAP_KEY');
    },
  );

  test('a setting that names the danger opens it all the same, until there is a key', async () => {
    const allowed = { STORE_ALLOW_OPEN_ACCESS: 'I-know-that-everybody-can-run-commands' } as const;
    expect(asAdmin(await start(BEYOND, allowed)).name).toBe('open access');
    await make(['admin']);
    const access = await start(BEYOND, allowed);
    expect(() => asAdmin(access)).toThrow('An API key is needed');
  });
});

describe('a first key from the environment', () => {
  test('lets a store start beyond loopback, and its holder do everything', async () => {
    const access = await start(BEYOND, { STORE_BOOTSTRAP_KEY: KEY });
    expect(asAdmin(access, KEY).name).toBe('bootstrap');
    expect(() => asAdmin(access)).toThrow('An API key is needed');
    expect(() => asAdmin(access, `${KEY}x`)).toThrow('does not exist');
  });

  test('is there once however many stores start, and only its digest is kept', async () => {
    await Promise.all(Array.from({ length: 4 }, () => start(BEYOND, { STORE_BOOTSTRAP_KEY: KEY })));
    expect(await keys.list(true, undefined, 100)).toHaveLength(1);
    const rows = await store.prisma.query<object>(
      `SELECT api_keys::text, encode(digest, 'escape') FROM api_keys`,
    );
    expect(JSON.stringify(rows)).not.toContain(KEY);
  });

  test('gives way to another value', async () => {
    await start(BEYOND, { STORE_BOOTSTRAP_KEY: KEY });
    const access = await start(BEYOND, { STORE_BOOTSTRAP_KEY: `${KEY}-2` });
    expect(asAdmin(access, `${KEY}-2`).name).toBe('bootstrap');
    expect(() => asAdmin(access, KEY)).toThrow('revoked');
  });

  test('stays revoked once it was revoked', async () => {
    await start(BEYOND, { STORE_BOOTSTRAP_KEY: KEY });
    const [key] = await keys.list(false, undefined, 100);
    await keys.revoke(key?.id ?? '');
    const access = await start(BEYOND, { STORE_BOOTSTRAP_KEY: KEY });
    expect(() => asAdmin(access, KEY)).toThrow('revoked');
  });
});

describe('when the last key has ended', () => {
  test.each([
    ['was revoked', async () => void (await keys.revoke((await make(['admin'])).id))],
    ['has expired', async () => void (await make(['admin'], new Date(Date.now() - 1000)))],
  ])('because it %s, a store on loopback does not open again', async (_how, end) => {
    await end();
    const access = await start('127.0.0.1');
    expect(() => asAdmin(access)).toThrow('An API key is needed');
    expect(() => asAdmin(access, KEY)).toThrow('does not exist');
  });
});

test('a store that cannot read its keys starts, and lets nobody in', async () => {
  class Away extends ApiKeyRepository {
    override usable(): never {
      throw new Error('away');
    }
  }
  const access = await start(BEYOND, {}, new Away(store.prisma));
  expect(() => asAdmin(access)).toThrow('cannot be looked up yet');
});

test('a use is written down once a minute, by whichever store notices', async () => {
  const { id } = await make(['read']);
  const lastUse = async () => (await keys.list(true, undefined, 100))[0]?.lastUsedAt;
  await keys.noteUse([id]);
  const first = await lastUse();
  await keys.noteUse([id]);
  expect(await lastUse()).toEqual(first);
  await store.prisma.query(`UPDATE api_keys SET last_used_at = now() - interval '61 seconds'`);
  await keys.noteUse([id]);
  expect((await lastUse())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? 0);
});

describe('the audit log', () => {
  const entry = { action: 'cancelJob', target: '/x', outcome: 'ok' };

  test('is complete when a store has stopped', async () => {
    const entries = new AuditRepository(store.prisma);
    const log = new AuditLog(entries, quiet);
    log.onApplicationBootstrap();
    const caller = new Caller(undefined, '127.0.0.1');
    for (let i = 0; i < 1200; i += 1) log.record(caller, { ...entry, target: `/${i}` });
    await log.onApplicationShutdown();
    const written = await entries.list({ action: 'cancelJob' }, undefined, 2000);
    expect(written.map(({ target }) => target)).toEqual(
      Array.from({ length: 1200 }, (_, i) => `/${1199 - i}`),
    );
  });

  test('loses what retention no longer keeps, and nothing younger', async () => {
    const leader = await store.lead();
    const prune = new PruneRepository(store.prisma, store.epochs);
    const before = await new AuditRepository(store.prisma).list({}, undefined, 2000);
    expect(await prune.pruneAudit(leader, 3_600_000, 5000)).toBe(0);
    expect(await prune.pruneAudit({ ...leader, epoch: leader.epoch - 1n }, -60_000, 5000)).toBe(0);
    expect(await prune.pruneAudit(leader, -60_000, 5000)).toBe(before.length);
  });
});
