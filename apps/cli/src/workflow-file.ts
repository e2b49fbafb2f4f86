/**
 * Reads a workflow from a file, YAML or JSON: `{name, onDependencyFailure, jobs: [{name, command, dependsOn, …}, …]}`. A job
 * may say `command: …` in place of type and payload. What else is right, names and cycles too, is for the store to say.
 */
import { z } from 'zod';
import { UsageError } from './exit-codes.js';
import { titleOf } from './jobs-file.js';
import { parseYaml, withCommand } from './yaml-file.js';

const file = z.looseObject(
  {
    jobs: z.array(z.unknown(), { error: 'must be a list' }).min(1, { error: 'must hold at least one job' }),
  },
  { error: 'must be a workflow: {name, jobs: […]}' },
);

/**
 * @param fileName for the messages
 * @throws UsageError that names what is wrong
 */
export function parseWorkflowFile(text: string, fileName: string): unknown {
  const parsed = file.safeParse(parseYaml(text, fileName));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue !== undefined && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
    throw new UsageError(`${fileName}: ${place}${issue?.message ?? 'is no workflow'}`);
  }
  const jobs = parsed.data.jobs.map((job, index) =>
    withCommand(job, `${fileName}: ${titleOf(job, index)}: command`),
  );
  return { ...parsed.data, jobs };
}
