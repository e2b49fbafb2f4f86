/** Reads `jobs.json`: `{"jobs": [{"name", "command", "description"}, …]}`. Fields beyond these are not looked at. */
import { z } from 'zod';
import { UsageError } from '../exit-codes.js';

const text = z.string({ error: 'must be text' });

const fileSchema = z.object(
  {
    jobs: z
      .array(
        z.object(
          {
            name: text.default(''),
            command: text.regex(/\S/, { error: 'must not be empty' }),
            description: text.default(''),
          },
          { error: 'must be an object' },
        ),
        { error: 'must be a list' },
      )
      .min(1, { error: 'must hold at least one job' }),
  },
  { error: 'must be an object {"jobs": […]}' },
);

export interface NamedCommand {
  /** Never empty: a job without a name goes by its number. */
  readonly name: string;
  readonly command: string;
  readonly description: string;
}

/** @throws UsageError with one line for each fault */
export function parseCommandFile(content: string, fileName: string): NamedCommand[] {
  let json: unknown;
  try {
    // Editors on Windows begin a file with a byte order mark, which JSON.parse refuses.
    json = JSON.parse(content.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new UsageError(
      `${fileName}: is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success)
    throw new UsageError(
      parsed.error.issues
        .map(({ path, message }) => `${[fileName, path.join('.')].filter(Boolean).join(': ')}: ${message}`)
        .join('\n'),
    );
  return parsed.data.jobs.map((job, index) => ({
    ...job,
    name: job.name === '' ? `job ${index + 1}` : job.name,
  }));
}
