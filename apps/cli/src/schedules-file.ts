/**
 * Reads a file of schedules, YAML or JSON: `schedules:` with a list of definitions as the store takes them, each with its
 * name. A job may say `command: …` in place of type and payload. The store has the last word on everything else; what is
 * checked here is what a file can get wrong as a whole.
 */
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { UsageError } from './exit-codes.js';
import { commandJob } from './new-job.js';

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
    return { name, definition: withCommand(name, definition, fileName) };
  });
}

function withCommand(
  name: string,
  definition: Readonly<Record<string, unknown>>,
  fileName: string,
): Readonly<Record<string, unknown>> {
  const { job } = definition;
  if (typeof job !== 'object' || job === null || !('command' in job)) return definition;
  const { command, ...settings } = job;
  const fault = (message: string) => new UsageError(`${fileName}: ${name}: job.command: ${message}`);
  if (typeof command !== 'string' || command.trim() === '') throw fault('must be a shell command');
  if ('type' in settings || 'payload' in settings) throw fault('must not be set beside type or payload');
  return { ...definition, job: { ...settings, ...commandJob(command) } };
}

function parseYaml(text: string, fileName: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new UsageError(`${fileName}: is neither YAML nor JSON: ${error.message.split('\n')[0]}`);
  }
}
