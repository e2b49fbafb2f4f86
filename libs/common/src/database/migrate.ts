/**
 * Brings a database to the newest schema with Prisma's own schema engine, compiled to WebAssembly, so that no binary
 * has to be downloaded. It keeps the ordinary `_prisma_migrations` table: `prisma migrate deploy` sees the same history.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg';
import type { MigrationList } from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** Held while migrating, so that services which start together do not migrate at the same time. Any constant would do. */
const MIGRATION_LOCK = 7_244_837;

let engineReady: Promise<void> | undefined;

/**
 * The package's own entry point imports its .wasm file as a module, which Node 20 cannot do, so the engine is
 * instantiated here from the two halves that the package exports.
 */
function loadEngine(): Promise<void> {
  engineReady ??= (async () => {
    const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm');
    const module = await WebAssembly.compile(await readFile(join(dirname(entry), 'schema_engine_bg.wasm')));
    const { exports } = await WebAssembly.instantiate(module, {
      './schema_engine_bg.js': { ...engineModule },
    });
    engineModule.__wbg_set_wasm(exports);
    (exports['__wbindgen_start'] as () => void)();
  })();
  return engineReady;
}

/**
 * Lets `use` work with the engine on `databaseUrl`, with schema.prisma loaded.
 * @param prismaFolder holds schema.prisma and migrations/
 */
export async function withSchemaEngine<Result>(
  databaseUrl: string,
  prismaFolder: string,
  use: (engine: engineModule.SchemaEngine) => Promise<Result>,
): Promise<Result> {
  await loadEngine();
  const schema = await readFile(join(prismaFolder, 'schema.prisma'), 'utf8');
  // The engine does not close its connections; a pool of our own can be closed for it.
  const pool = new pg.Pool({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  try {
    const engine = await engineModule.SchemaEngine.new(
      { datamodels: [['schema.prisma', schema]] },
      () => undefined,
      bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool)),
    );
    try {
      return await use(engine);
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

export async function readMigrations(prismaFolder: string): Promise<MigrationList> {
  const baseDir = resolve(prismaFolder, 'migrations');
  const entries = await readdir(baseDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: {
            tag: 'ok' as const,
            value: await readFile(join(baseDir, name, 'migration.sql'), 'utf8'),
          },
        },
      })),
    ),
  };
}

/**
 * Applies every migration that the database has not seen and returns their names.
 * Safe to call from several processes at once: they take turns, and the later ones find nothing to do.
 * @throws when the database is out of reach, or a migration fails; a failed one is recorded in `_prisma_migrations`.
 */
export async function migrate(databaseUrl: string, prismaFolder = 'prisma'): Promise<{ applied: string[] }> {
  const turn = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await turn.connect();
  try {
    await turn.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const migrationsList = await readMigrations(prismaFolder);
    const { appliedMigrationNames } = await withSchemaEngine(databaseUrl, prismaFolder, (engine) =>
      engine.applyMigrations({ migrationsList, filters: { externalTables: [], externalEnums: [] } }),
    );
    return { applied: appliedMigrationNames };
  } finally {
    await turn.end();
  }
}
