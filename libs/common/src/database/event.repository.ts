/** Reading what happened to jobs, and saying that somebody wants to know. */
import { Injectable } from '@nestjs/common';
import type { EventPosition, Moment } from '#common/domain/event-position.js';
import type { Job } from '#common/domain/job.js';
import type { JobEvent } from '#common/domain/job-event.js';
import {
  COMPLETE_RECORDING,
  FIND_UNAWARE_STATEMENTS,
  READ_EVENTS,
  SET_HINTING,
  WANT_EVENTS,
} from './event-statements.js';
import { PrismaService } from './prisma.service.js';
import { SEE_JOBS } from './see-jobs-statement.js';

/** Moments that never come: before them there is nothing to read. */
const NEVER: Moment = { next: Number.MAX_SAFE_INTEGER, underWay: [] };

export interface Recording {
  /** Which uninterrupted stretch of recording it is. */
  readonly generation: number;
  /** The transaction that began it. */
  readonly opened: number;
  /** Nothing is missing in it from now on. */
  readonly complete: boolean;
}

export interface EventPage {
  readonly events: readonly JobEvent[];
  /** When they were read: what is not among them and could be seen by then is beyond the limit. */
  readonly moment: Moment;
  /** Undefined when nothing is recorded, or something may be missing. */
  readonly generation: number | undefined;
  /** Whether writers wake readers. */
  readonly hinting: boolean;
  /** Of transactions before this one, events have been deleted. */
  readonly prunedBelow: number;
}

/** A job, and when it was so. */
export interface SeenJob {
  readonly job: Job;
  readonly moment: Moment;
}

interface PageRow extends Moment {
  readonly generation: number | null;
  readonly complete: boolean | null;
  readonly hinting: boolean | null;
  readonly prunedBelow: number | null;
  readonly events: readonly JobEvent[];
}

@Injectable()
export class EventRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Keeps the recording alive for some minutes, and begins one when there is none. */
  async want(): Promise<Recording> {
    const [recording] = await this.prisma.query<Recording>(WANT_EVENTS);
    if (recording === undefined) throw new Error('an upsert returned no row');
    return recording;
  }

  /** @returns whether every statement that might not record has ended, so that the recording is complete from now on */
  async complete({ generation, opened }: Recording): Promise<boolean> {
    const [unaware] = await this.prisma.query<{ found: boolean }>(FIND_UNAWARE_STATEMENTS, opened);
    if (unaware?.found !== false) return false;
    await this.declareComplete({ generation, opened });
    return true;
  }

  /** For when no statement can be old enough any more. */
  async declareComplete({ generation, opened }: Omit<Recording, 'complete'>): Promise<void> {
    await this.prisma.query(COMPLETE_RECORDING, generation, opened);
  }

  async setHinting(hinting: boolean): Promise<void> {
    await this.prisma.query(SET_HINTING, hinting);
  }

  /** What has come since a moment, by seq; without one, nothing, but the moment to begin at. */
  readSince(from: Moment | undefined, limit: number): Promise<EventPage> {
    return this.#read(from ?? NEVER, undefined, 0, limit);
  }

  /** The rest of a window: from a position in it on. */
  readWindow({ from, to, seq }: Omit<EventPosition, 'generation'>, limit: number): Promise<EventPage> {
    return this.#read(from, to, seq, limit);
  }

  /** Jobs as they are at one moment. @returns one entry for each id, in order; undefined where there is no such job */
  async seeJobs(ids: readonly string[]): Promise<(SeenJob | undefined)[]> {
    const rows = await this.prisma.query<Job & Moment>(SEE_JOBS, [...new Set(ids)]);
    const seen = new Map(
      rows.map(({ next, underWay, ...job }) => [job.id, { job, moment: { next, underWay } }]),
    );
    return ids.map((id) => seen.get(id));
  }

  async #read(from: Moment, to: Moment | undefined, afterSeq: number, limit: number): Promise<EventPage> {
    const [row] = await this.prisma.query<PageRow>(
      READ_EVENTS,
      from.next,
      from.underWay,
      to?.next ?? null,
      to?.underWay ?? [],
      afterSeq,
      limit,
    );
    if (row === undefined) throw new Error('a SELECT of this moment returned no row');
    const { next, underWay, generation, complete, hinting, prunedBelow, events } = row;
    return {
      events,
      moment: { next, underWay },
      generation: complete === true ? (generation ?? undefined) : undefined,
      hinting: hinting ?? true,
      prunedBelow: prunedBelow ?? 0,
    };
  }
}
