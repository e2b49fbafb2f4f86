import { defineConfig } from 'vitest/config';

/** Conditions that make `#common/*` and the like resolve to the TypeScript sources instead of dist/. */
const fromSource = { ssr: { resolve: { conditions: ['@triumvir/source', 'node', 'module-sync'] } } };

/** Suites that need Postgres, Redis and ZooKeeper: `make test` provides them and names them in the environment. */
const onRealServers = (name: string, testTimeout: number) => ({
  ...fromSource,
  test: {
    name,
    include: [`test/${name}/**/*.spec.ts`],
    testTimeout,
    hookTimeout: 120_000,
    // They promise times too: a machine that was busy with something else is no defect, missing it twice in a row is.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});

export default defineConfig({
  test: {
    // Two cores: suites that start servers and services of their own must not starve each other.
    maxWorkers: 2,
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['{apps,bench,libs,tools}/**/*.spec.ts'],
          // Processes that the code under test forks inherit these, and so run its sources too.
          testTimeout: 30_000,
          execArgv: ['--conditions=@triumvir/source', '--import', './test/support/typescript-loader.mjs'],
        },
      },
      onRealServers('integration', 30_000),
      onRealServers('contract', 60_000),
      onRealServers('e2e', 120_000),
      onRealServers('chaos', 180_000),
    ],
  },
});
