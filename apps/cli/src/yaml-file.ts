/** What files of schedules and of workflows have in common: they are YAML or JSON, and a job may be a command. */
import { parse, YAMLParseError } from 'yaml';
import { UsageError } from './exit-codes.js';
import { commandJob } from './new-job.js';

/** @throws UsageError when the text is neither YAML nor JSON */
export function parseYaml(text: string, fileName: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new UsageError(`${fileName}: is neither YAML nor JSON: ${error.message.split('\n')[0]}`);
  }
}

/**
 * A job that says `command: …` in place of type and payload, as the store takes it; whatever else it is stays as it is.
 * @param place of the command in its file, for the message
 * @throws UsageError when the command is no text, or stands beside a type or a payload
 */
export function withCommand(job: unknown, place: string): unknown {
  if (typeof job !== 'object' || job === null || !('command' in job)) return job;
  const { command, ...settings } = job;
  if (typeof command !== 'string' || command.trim() === '')
    throw new UsageError(`${place}: must be a shell command`);
  if ('type' in settings || 'payload' in settings)
    throw new UsageError(`${place}: must not be set beside type or payload`);
  return { ...settings, ...commandJob(command) };
}
