/** The chaos suite for every day: a fixed seed, the faults that happen most, two minutes. */
import { expect, test } from 'vitest';
import { makeReport, renderReport } from './report.js';
import { runChaos } from './run/run.js';

const FAULTS = [
  'leader-killed',
  'leader-paused',
  'executor-killed',
  'store-killed',
  'redis-flushed',
  'redis-restarted',
  'zookeeper-one-down',
  'postgres-restarted-immediate',
  'postgres-backend',
  'link-cut:scheduler-redis',
  'link-torn:executor-postgres',
  'stale-deliveries',
];

test('whatever is killed, paused or cut off, no job is lost, none runs again after its success, and all heals', async () => {
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const { evidence } = await runChaos(
    // Other suites may share the processors: times are judged with more patience than in a run of its own.
    { seed: 1, minutes: 2, faults: FAULTS, rate: 15, slackMs: 3000, json: undefined, selfTest: false },
    log,
  );
  const report = makeReport(evidence);
  log(renderReport(report));
  expect(report.faults.length).toBeGreaterThan(4);
  expect(report.runs).toBeGreaterThan(300);
  expect(report.verdicts.filter(({ violations }) => violations.length > 0)).toEqual([]);
}, 420_000);
