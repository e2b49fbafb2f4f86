/**
 * Reads a file of jobs, `{"jobs": [{"name", "command", "description"}, …]}`; an entry may have `type` and `payload` in
 * place of `command`, and any setting of a job. The whole file is checked before a single job of it is submitted.
 */
import { z } from 'zod';
import { UsageError } from './exit-codes.js';
import { commandJob, jobSettings, jobWork, type NewJob } from './new-job.js';

const entry = z
  .strictObject(
    {
      ...jobSettings,
      type: jobWork.type.optional(),
      payload: jobWork.payload,
      command: z.string({ error: 'must be text' }).regex(/\S/, { error: 'must not be empty' }).optional(),
      /** For the reader of the file; not part of the job. */
      description: z.string({ error: 'must be text' }).optional(),
    },
    { error: 'must be an object' },
  )
  .superRefine((job, context) => {
    const fault = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (job.command === undefined && job.type === undefined) fault('command', 'is missing, and so is a type');
    if (job.command !== undefined && job.type !== undefined)
      fault('type', 'must not be set beside a command');
    if (job.command !== undefined && job.payload !== undefined)
      fault('payload', 'must not be set beside a command');
    if (job.runAt !== undefined && job.delay !== undefined) fault('delay', 'must not be set beside runAt');
  });

type Entry = z.infer<typeof entry>;

const jobsFile = z.object(
  {
    jobs: z.array(z.unknown(), { error: 'must be a list' }).min(1, { error: 'must hold at least one job' }),
  },
  { error: 'must be an object {"jobs": […]}' },
);

/**
 * @param fileName for the messages
 * @throws UsageError with one line for each fault, naming the entry and the field
 */
export function parseJobsFile(text: string, fileName: string): NewJob[] {
  const file = jobsFile.safeParse(parseJson(text, fileName));
  if (!file.success) throw new UsageError(faultLines(fileName, file.error).join('\n'));

  const faults: string[] = [];
  const jobs = file.data.jobs.flatMap((given, index) => {
    const parsed = entry.safeParse(given);
    if (parsed.success) return [toNewJob(parsed.data)];
    faults.push(...faultLines(`${fileName}: ${titleOf(given, index)}`, parsed.error));
    return [];
  });
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return jobs;
}

function toNewJob({ command, description: _description, type, payload, ...settings }: Entry): NewJob {
  const work = type === undefined ? commandJob(command ?? '') : { type, payload };
  return { ...settings, ...work };
}

function parseJson(text: string, fileName: string): unknown {
  try {
    // Editors on Windows begin a file with a byte order mark, which JSON.parse refuses.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new UsageError(
      `${fileName}: is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** `job 3 (backup)`: by its place, counted from one, and by its name if it has one. */
export function titleOf(given: unknown, index: number): string {
  const named = z.object({ name: z.string().min(1) }).safeParse(given);
  return named.success ? `job ${index + 1} (${named.data.name})` : `job ${index + 1}`;
}

function faultLines(prefix: string, error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${prefix}: ${[...issue.path, key].join('.')}: is not a known field`);
    }
    const field = issue.path.join('.');
    return [field === '' ? `${prefix}: ${issue.message}` : `${prefix}: ${field}: ${issue.message}`];
  });
}
