/** How many tests passed and failed, from the report that vitest writes as JSON. */
import { z } from 'zod';

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Counts tests; a file that could not even be loaded counts as one that failed, and so does a run that failed without a
 * failed test (an error outside of every test, a crash) or left no report.
 */
export function countTests(report: unknown, exitCode: number): TestCounts {
  const parsed = reportSchema.safeParse(report);
  const files = parsed.success ? parsed.data.testResults : [];
  const count = (wanted: string) =>
    files.flatMap(({ assertionResults }) => assertionResults).filter(({ status }) => status === wanted)
      .length;
  const broken = files.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = count('failed') + broken;
  return { passed: count('passed'), failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}
