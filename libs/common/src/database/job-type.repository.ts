/**
 * Job types that have been announced, with the JSON Schema that payloads must fit: by executors, or for workers outside
 * (`remote`). A type is either the one or the other, since that decides where its jobs wait.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { JsonSchema } from '#common/payload/payload-schema.js';
import {
  ANNOUNCE_REMOTE_TYPE,
  ANNOUNCE_TYPES,
  FORGET_REMOTE_TYPE,
  JOBS_WRITERS,
  MOVE_JOBS,
  STILL_WRITING,
} from './job-type-statements.js';
import { PrismaService } from './prisma.service.js';

export interface JobType {
  readonly type: string;
  readonly payloadSchema: JsonSchema;
}

export interface AnnouncedType extends JobType {
  /** Workers outside run it, not executors. */
  readonly remote: boolean;
}

/** Jobs that change sides in one statement. */
const MOVED_AT_ONCE = 5000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';
/** Pause between looks whether earlier writers have finished, in milliseconds. */
const WRITERS_PAUSE_MS = 10;

@Injectable()
export class JobTypeRepository {
  constructor(private readonly prisma: PrismaService) {}

  /**
   * Adds types of executors, and replaces the schema of those that have changed.
   * @returns the types among them that are left alone, because they were announced for workers outside
   */
  async announce(types: readonly JobType[]): Promise<string[]> {
    const taken = await this.prisma.query<{ type: string }>(
      ANNOUNCE_TYPES,
      types.map(({ type }) => type),
      types.map(({ payloadSchema }) => JSON.stringify(payloadSchema)),
    );
    return taken.map(({ type }) => type);
  }

  /**
   * Announces a type for workers outside. Unfinished jobs of that name, which an executor was to run that is there no more,
   * become theirs.
   * @returns whether the type is new to them, or 'executors' when living executors run it
   */
  async announceRemote({ type, payloadSchema }: JobType): Promise<{ isNew: boolean } | 'executors'> {
    const [announced] = await this.prisma.query<{ isNew: boolean }>(
      ANNOUNCE_REMOTE_TYPE,
      type,
      JSON.stringify(payloadSchema),
    );
    if (announced === undefined) return 'executors';
    if (announced.isNew) await this.#moveJobs(type, true);
    return announced;
  }

  /** Takes the type from the workers; what is unfinished waits for executors. @returns what it was; undefined when not theirs */
  async forgetRemote(type: string): Promise<AnnouncedType | undefined> {
    const [forgotten] = await this.prisma.query<AnnouncedType>(FORGET_REMOTE_TYPE, type);
    if (forgotten !== undefined) await this.#moveJobs(type, null);
    return forgotten;
  }

  list(): Promise<AnnouncedType[]> {
    return this.prisma.jobType.findMany({
      orderBy: { type: 'asc' },
      omit: { updatedAt: true },
    }) as Promise<AnnouncedType[]>;
  }

  /** Moves the jobs that were stored before the type changed sides. */
  async #moveJobs(type: string, remote: true | null): Promise<void> {
    await this.#whenEarlierWritersAreDone();
    let from = BEFORE_ALL;
    for (;;) {
      const [batch] = await this.prisma.query<{ lastId: string | null }>(
        MOVE_JOBS,
        type,
        remote,
        from,
        MOVED_AT_ONCE,
      );
      if (batch?.lastId == null) return;
      from = batch.lastId;
    }
  }

  /** Whoever began to store jobs before the type changed may not have seen the change; by then all they stored is visible. */
  async #whenEarlierWritersAreDone(): Promise<void> {
    const writers = (await this.prisma.query<{ id: string }>(JOBS_WRITERS)).map(({ id }) => id);
    while ((await this.prisma.query<object>(STILL_WRITING, writers)).length > 0)
      await pause(WRITERS_PAUSE_MS);
  }
}
