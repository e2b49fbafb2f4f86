/**
 * Random interleavings of the protocol's steps T1 to T7: two leaders of whom one may be stale, three executors whose
 * leases run out, deliveries that are lost and repeated, ends that are reported late and twice, crashes of Postgres that
 * forget what was not on the disk. After each step Postgres must say what a plain model says. PROTOCOL_SEQUENCES sets how
 * many sequences are tried, PROTOCOL_SEED which.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ON_LOST } from '#common/domain/job.js';
import { withPostgres } from '#tools/sql.js';
import { TestStore } from './support/database.js';
import { anyStep, driveToTheEnd } from './support/protocol-commands.js';
import { Model } from './support/protocol-model.js';
import { System } from './support/protocol-system.js';

const SEQUENCES = Number(process.env['PROTOCOL_SEQUENCES'] ?? 800);
const SEED = Number(process.env['PROTOCOL_SEED'] ?? Date.now() % 1_000_000);
/** Sequences under way at the same time; each has jobs, executors and leaders of its own. */
const LANES = 8;
const MAX_STEPS = 200;

let store: TestStore;
beforeAll(async () => {
  store = await TestStore.open(LANES);
  // What a crash forgets is put back by the test, so no commit need wait for the disk.
  await withPostgres(store.url, (admin) =>
    admin.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`,
    ),
  );
});
afterAll(() => store.close());

const plans = fc.array(
  fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    maxAttempts: fc.integer({ min: 1, max: 6 }),
    onLost: fc.constantFrom('retry' as const, 'retry' as const, ...ON_LOST),
  }),
  { minLength: 1, maxLength: 2 },
);
/** Without bias, which prefers short sequences; a counterexample is shortened all the same. */
const sequence = fc.noBias(fc.commands([anyStep], { maxCommands: MAX_STEPS, size: 'max' }));

test(
  `Postgres and the model agree through ${SEQUENCES} random sequences (seed ${SEED})`,
  { timeout: 60_000 + SEQUENCES * 100 },
  async () => {
    let runs = 0;
    const lane = (number: number) =>
      fc.assert(
        fc.asyncProperty(plans, sequence, async (jobs, commands) => {
          const model = new Model(jobs);
          const system = await System.open(store, jobs);
          try {
            await fc.asyncModelRun(() => ({ model, real: system }), commands);
            await driveToTheEnd(model, system);
          } finally {
            await system.close();
          }
          runs += model.runs.length;
        }),
        { seed: SEED + number, numRuns: Math.ceil(SEQUENCES / LANES) },
      );
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    // Sequences in which next to nothing ran would prove next to nothing.
    expect(runs).toBeGreaterThan(SEQUENCES * 2);
  },
);
