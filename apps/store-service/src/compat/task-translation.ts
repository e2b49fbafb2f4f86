/** Tasks of the Flask task queue as jobs of ours, and back. */
import { z } from 'zod';
import type { Job, JobState, Json } from '#common/domain/job.js';
import type { View } from '../http/operation.js';
import { invalid } from '../http/validation.js';
import type { Problem } from '../http/problem.js';
import { emailDataSchema, type NewTask, type taskSchema } from './task-queue.schemas.js';

export type TaskView = View<typeof taskSchema>;

/** That system knows four words. */
const STATUS_WORDS: Readonly<Record<JobState, TaskView['status']>> = {
  blocked: 'queued',
  scheduled: 'queued',
  queued: 'queued',
  running: 'processing',
  succeeded: 'completed',
  dead: 'failed',
  cancelled: 'failed',
  expired: 'failed',
};

/** An e-mail as a job of ours has it. */
const emailPayloadSchema = z.looseObject({ to: z.unknown(), text: z.unknown().optional() });

/** What a job of that type is given. */
export function payloadOf({ type, data }: NewTask): Json {
  if (type !== 'email') return data ?? {};
  const { recipient, content, ...rest } = emailDataSchema.parse(data);
  return { ...rest, to: recipient, text: content };
}

/** @param omitted fields of the job that are not shown because they are large */
export function presentTask(job: Job, omitted: readonly string[] = []): TaskView {
  const { startedAt, finishedAt } = job;
  const updatedAt = finishedAt ?? startedAt;
  return {
    id: job.id,
    type: job.type,
    data: dataOf(job),
    status: STATUS_WORDS[job.state],
    created_at: job.createdAt.toISOString(),
    ...(updatedAt !== null && { updated_at: updatedAt.toISOString() }),
    ...(job.state === 'succeeded' && !omitted.includes('result') && { result: job.result }),
    ...(STATUS_WORDS[job.state] === 'failed' && { result: job.error?.message ?? job.state }),
  };
}

function dataOf({ type, payload }: Job): Json {
  if (type !== 'email') return payload;
  const email = emailPayloadSchema.safeParse(payload);
  if (!email.success) return payload;
  const { to, text, ...rest } = email.data;
  return { ...rest, recipient: to, ...(text !== undefined && { content: text }) } as Json;
}

/** The same problem in the field names of that system. */
export function inTaskWords(problem: Problem, type: string): Problem {
  const { kind, errors } = problem;
  // What is not about the body keeps its sentence and its headers.
  if (errors.length === 0 || (kind !== 'bad-request' && kind !== 'validation-failed')) return problem;
  const fieldIn = (field: string) => {
    const name = field.replace(/^payload\b/, 'data');
    if (type !== 'email') return name;
    return name.replace(/^data\.to\b/, 'data.recipient').replace(/^data\.text\b/, 'data.content');
  };
  return invalid(
    kind,
    errors.map(({ field, ...rest }) => ({ ...rest, field: fieldIn(field) })),
  );
}
