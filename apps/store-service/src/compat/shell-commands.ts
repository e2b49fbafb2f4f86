/**
 * What schedulers of shell commands have in common, as jobs of ours: a command with three retries and then the
 * dead-letter queue, and an id that the client may have chosen itself.
 */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Job } from '#common/domain/job.js';
import type { Caller } from '../access/caller.js';
import { Problem } from '../http/problem.js';
import { checked, invalid } from '../http/validation.js';
import { presentOutput } from '../jobs/job.presenter.js';
import { createJobSchema } from '../jobs/job.schemas.js';
import { JobService } from '../jobs/job.service.js';

/** Retries after the first try. */
const MAX_RETRIES = 3;

export interface ShellCommand {
  readonly command: string;
  /** Empty is none. */
  readonly name?: string;
  /** When it is due; now unless given. */
  readonly runAt?: string;
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** An id of the client's own; empty is none. Like an idempotency key, it makes a repetition harmless. */
  readonly ownId?: string;
  readonly idempotencyKey?: string | undefined;
}

/** What the other system calls our fields, by ours. */
export type FieldNames = Readonly<Record<string, string>>;

@Injectable()
export class ShellCommands {
  constructor(private readonly jobs: JobService) {}

  /**
   * @param system whose ids are meant: each has its own
   * @returns the job, and the id that its client knows it by: its own one where it has chosen one
   * @throws Problem in the field names of the other system; conflict when the own id stands for another command
   */
  async submit(
    system: string,
    { command, name = '', runAt, env, ownId = '', idempotencyKey }: ShellCommand,
    fields: FieldNames,
    caller: Caller,
  ): Promise<{ job: Job; id: string }> {
    const body = {
      type: 'command',
      payload: { command, ...(env === undefined ? {} : { env }) },
      ...(name === '' ? {} : { name }),
      ...(runAt === undefined ? {} : { runAt }),
      maxAttempts: MAX_RETRIES + 1,
      // It goes back to the queue at once.
      retry: { strategy: 'fixed', delay: 0 },
    };
    try {
      if (command.trim() === '')
        throw invalid('validation-failed', [{ field: 'payload.command', message: 'must not be empty' }]);
      const request = checked(createJobSchema, body, 'validation-failed');
      const { job } = await (ownId === ''
        ? this.jobs.submit(request, idempotencyKey, caller)
        : this.jobs.submitShared(request, keyOf(system, ownId), caller));
      return { job, id: ownId === '' ? job.id : ownId };
    } catch (error) {
      throw error instanceof Problem ? inTheirWords(error, fields, ownId) : error;
    }
  }

  /** @throws Problem when there is no such job; one by an id of the client's own is known for 24 hours */
  async find(system: string, id: string, caller: Caller): Promise<Job> {
    if (id.trim() === '') throw invalid('bad-request', [{ field: 'id', message: 'must not be empty' }]);
    if (z.uuid().safeParse(id).success) {
      const job = await this.jobs.find(id, caller);
      if (job !== undefined) return job;
    }
    const job = await this.jobs.findBySharedKey(keyOf(system, id), caller);
    if (job === undefined) throw new Problem('not-found', `There is no job with id ${id}.`);
    return job;
  }

  /** Standard output and standard error of the latest attempt, in the order of writing. */
  async output({ id }: Job, caller: Caller): Promise<string> {
    const { attempt, pieces } = await this.jobs.output(id, undefined, caller);
    return presentOutput(id, attempt, pieces).output;
  }
}

/** An own id may be any text; a key may not. */
function keyOf(system: string, ownId: string): string {
  return `${system}:${createHash('sha256').update(ownId).digest('base64url')}`;
}

function inTheirWords(problem: Problem, fields: FieldNames, ownId: string): Problem {
  const { kind, errors } = problem;
  if (ownId !== '' && errors.some(({ field }) => field === 'Idempotency-Key')) {
    const message = 'stands for another command already';
    return new Problem('conflict', `id: ${message}`, [{ field: 'id', message }]);
  }
  // What is not about the fields keeps its sentence and its headers.
  if (errors.length === 0 || (kind !== 'bad-request' && kind !== 'validation-failed')) return problem;
  return invalid(
    kind,
    errors.map(({ field, ...rest }) => ({ ...rest, field: fields[field] ?? field })),
  );
}
