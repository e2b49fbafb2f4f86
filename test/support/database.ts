/**
 * A fresh, migrated database for every test file, in a tenth of a second: the migrations run once into a template, and
 * each database is a copy of it. The template's name holds a hash of the migrations, so that a server which outlives a
 * change of them (`make test-servers`) never hands out an old schema.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '#common/database/migrate.js';
import { ROOT } from '#tools/root.js';
import { withDatabase, withPostgres } from '#tools/sql.js';
import { testServers, uniqueName } from './environment.js';

export interface TestDatabase {
  readonly url: string;
  /** Deletes it, cutting off whoever is still connected. */
  drop(): Promise<void>;
}

/** Held while the template is looked for and made, since test files run at once. Any constant would do. */
const TEMPLATE_LOCK = 5_318_008;

export async function createTestDatabase(): Promise<TestDatabase> {
  const { databaseUrl } = testServers();
  const template = await templateDatabase(databaseUrl);
  const name = uniqueName('test');
  await withPostgres(databaseUrl, (admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  return {
    url: withDatabase(databaseUrl, name),
    drop: () => withPostgres(databaseUrl, async (admin) => void (await admin.query(dropDatabase(name)))),
  };
}

async function templateDatabase(adminUrl: string): Promise<string> {
  const name = `template_${hashOfMigrations()}`;
  await withPostgres(adminUrl, async (admin) => {
    await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]); // Let go with the connection.
    const found = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount !== 0) return;
    // It gets its name when it is complete: a run that was interrupted leaves no half template.
    const unfinished = `${name}_unfinished`;
    await admin.query(dropDatabase(unfinished));
    await admin.query(`CREATE DATABASE ${unfinished}`);
    await migrate(withDatabase(adminUrl, unfinished), join(ROOT, 'prisma'));
    // A database can only be copied while nobody is connected to it.
    await admin.query(`ALTER DATABASE ${unfinished} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
      unfinished,
    ]);
    await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
  });
  return name;
}

function dropDatabase(name: string): string {
  return `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`;
}

function hashOfMigrations(): string {
  const folder = join(ROOT, 'prisma', 'migrations');
  const hash = createHash('sha256');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (file.endsWith('.sql')) hash.update(file).update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
