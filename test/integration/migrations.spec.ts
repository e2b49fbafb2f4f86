/** The migrations make the schema that schema.prisma describes, once, whoever applies them and how often. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, readMigrations, withSchemaEngine } from '#common/database/migrate.js';
import { PrismaService } from '#common/database/prisma.service.js';
import { ROOT } from '#tools/root.js';
import { withDatabase, withPostgres } from '#tools/sql.js';
import { testServers, uniqueName } from '../support/environment.js';
import { quiet } from './support/database.js';

const PRISMA = join(ROOT, 'prisma');
const databases: string[] = [];
let all: string[];

beforeAll(async () => {
  const { migrationDirectories } = await readMigrations(PRISMA);
  all = migrationDirectories.map(({ path }) => path);
});
afterAll(async () => {
  await withPostgres(testServers().databaseUrl, async (admin) => {
    for (const name of databases) await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  });
});

async function emptyDatabase(): Promise<string> {
  const { databaseUrl } = testServers();
  const name = uniqueName('empty');
  await withPostgres(databaseUrl, (admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE template0`));
  databases.push(name);
  return withDatabase(databaseUrl, name);
}

const rows = (url: string, sql: string) =>
  withPostgres(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);

const COLUMNS = `
SELECT table_name, column_name, udt_name, is_nullable, column_default, character_maximum_length,
  numeric_precision, datetime_precision
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> '_prisma_migrations' ORDER BY table_name, column_name`;

/** Primary and foreign keys; Prisma knows no CHECK constraints. */
const KEYS = `
SELECT conrelid::regclass::text AS "table", conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f') AND conrelid <> coalesce(to_regclass('_prisma_migrations'), 0)
ORDER BY 1, 2`;

/** Indexes that schema.prisma speaks of: not those of primary keys, nor partial ones. */
const INDEXES = `
SELECT indrelid::regclass::text AS "table", indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary AND indpred IS NULL ORDER BY 1, 2`;

test('what is applied is every migration, in the order of their names', async () => {
  expect((await migrate(await emptyDatabase(), PRISMA)).applied).toEqual(all);
  expect(all).toEqual(all.toSorted());
});

test('a second time there is nothing to apply, and nothing changes', async () => {
  const url = await emptyDatabase();
  await migrate(url, PRISMA);
  const before = await rows(url, COLUMNS);
  expect((await migrate(url, PRISMA)).applied).toEqual([]);
  expect(await rows(url, COLUMNS)).toEqual(before);
});

test('of several that migrate at the same time one does the work, and all of them find it done', async () => {
  const url = await emptyDatabase();
  const results = await Promise.all(Array.from({ length: 4 }, () => migrate(url, PRISMA)));
  expect(results.map(({ applied }) => applied.length).toSorted((a, b) => a - b)).toEqual([
    0,
    0,
    0,
    all.length,
  ]);
  const recorded = await rows(
    url,
    `SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1`,
  );
  expect(recorded.map((row) => row['migration_name'])).toEqual(all);
});

test('the migrations make the columns, keys and indexes that schema.prisma describes', async () => {
  const [migrated, described] = [await emptyDatabase(), await emptyDatabase()];
  await migrate(migrated, PRISMA);

  const path = join(PRISMA, 'schema.prisma');
  const content = await readFile(path, 'utf8');
  const { stdout: script } = await withSchemaEngine(described, PRISMA, (engine) =>
    engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: [{ path, content }] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    }),
  );
  expect(script).toContain('CREATE TABLE');
  await withPostgres(described, (client) => client.query(script ?? ''));

  for (const question of [COLUMNS, KEYS, INDEXES])
    expect(await rows(migrated, question)).toEqual(await rows(described, question));
});

test('the state, priority and tokens of a job cannot leave their bounds, whatever code writes them', async () => {
  const url = await emptyDatabase();
  await migrate(url, PRISMA);
  const insert = (changes: Record<string, string>) => {
    const values = {
      id: 'gen_random_uuid()',
      type: `'t'`,
      queue: `'q'`,
      state: `'scheduled'`,
      priority: '5',
      run_at: 'now()',
      max_attempts: '4',
      timeout_ms: '1000',
      payload: `'{}'`,
      ...changes,
    };
    return rows(
      url,
      `INSERT INTO jobs (${Object.keys(values).join()}) VALUES (${Object.values(values).join()})`,
    );
  };
  await expect(insert({})).resolves.toEqual([]);
  for (const [constraint, changes] of Object.entries({
    jobs_state_check: { state: `'paused'` },
    jobs_priority_check: { priority: '10' },
    jobs_attempt_check: { attempt: '5' },
    jobs_running_check: { state: `'running'` },
    jobs_finished_check: { state: `'dead'` },
  }))
    await expect(insert(changes)).rejects.toThrow(constraint);
  await expect(insert({ finished_at: 'now()' })).rejects.toThrow('jobs_finished_check');
});

test('readiness tells a database that was migrated from one that was not', async () => {
  const url = await emptyDatabase();
  const prisma = new PrismaService({ DATABASE_URL: url, PG_MAX_CONNS: 2 }, 'triumvir-test', quiet);
  expect(await prisma.check()).toBe('the database has not been migrated');
  await migrate(url, PRISMA);
  expect(await prisma.check()).toBeUndefined();
  await prisma.onApplicationShutdown();
});
