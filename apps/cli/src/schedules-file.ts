/**
 * Reads a file of schedules, YAML or JSON: `schedules:` with a list of definitions as the store takes them, each with its
 * name. A job may say `command: …` in place of type and payload. The store has the last word on everything else; what is
 * checked here is what a file can get wrong as a whole.
 */
import { z } from 'zod';
import { UsageError } from './exit-codes.js';
import { parseYaml, withCommand } from './yaml-file.js';

export interface NamedDefinition {
  readonly name: string;
  readonly definition: Readonly<Record<string, unknown>>;
}

const file = z.strictObject(
  {
    schedules: z
      .array(
        z.looseObject(
          { name: z.string({ error: 'is missing, or no text' }).min(1, { error: 'must not be empty' }) },
          { error: 'must be a schedule: name, cron or every, job' },
        ),
        { error: 'must be a list' },
      )
      .min(1, { error: 'must hold at least one schedule' }),
  },
  { error: 'must be {schedules: […]}, and nothing else' },
);

/**
 * @param fileName for the messages
 * @throws UsageError with one line for each fault
 */
export function parseSchedulesFile(text: string, fileName: string): NamedDefinition[] {
  const parsed = file.safeParse(parseYaml(text, fileName));
  if (!parsed.success) {
    throw new UsageError(
      parsed.error.issues
        .map(({ path, message }) => `${fileName}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`)
        .join('\n'),
    );
  }
  const names = new Set<string>();
  return parsed.data.schedules.map(({ name, ...definition }) => {
    if (names.has(name)) throw new UsageError(`${fileName}: the name ${name} is given twice`);
    names.add(name);
    const job = withCommand(definition['job'], `${fileName}: ${name}: job.command`);
    return { name, definition: 'job' in definition ? { ...definition, job } : definition };
  });
}
