/** Output on its way from the executor that runs a job to the stores where somebody follows it. */
import { Injectable } from '@nestjs/common';
import type { Job, OutputPiece } from '#common/domain/job.js';
import {
  READ_LIVE_OUTPUT,
  RUN_STATE,
  TRIM_LIVE_OUTPUT,
  WRITE_LIVE_OUTPUT,
} from './live-output-statements.js';
import { PrismaService } from './prisma.service.js';

/** A stretch of what one run wrote to one of its streams. */
export interface LivePiece {
  /** Counts up along all pieces of a run. */
  readonly seq: number;
  readonly stream: OutputPiece['stream'];
  /** Bytes that the run wrote to this stream before these. */
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The run writes nothing more. */
  readonly final: boolean;
}

/** A run: attempts that are not counted share a number, deliveries never do. */
export interface Run {
  readonly jobId: string;
  readonly delivery: number;
}

/** How far a job is. */
export type RunState = Pick<Job, 'state' | 'attempt' | 'delivery'>;

@Injectable()
export class LiveOutputRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Stores pieces, and wakes those who follow. A repetition changes nothing. */
  async write(pieces: readonly (Run & LivePiece)[]): Promise<void> {
    await this.prisma.query(
      WRITE_LIVE_OUTPUT,
      pieces.map(({ jobId }) => jobId),
      pieces.map(({ delivery }) => delivery),
      pieces.map(({ seq }) => seq),
      pieces.map(({ stream }) => stream),
      pieces.map(({ position }) => position),
      pieces.map(({ bytes }) => Buffer.from(bytes).toString('base64')),
      pieces.map(({ final }) => final),
    );
  }

  /** Forgets the pieces before `seq`. */
  async trim({ jobId, delivery }: Run, seq: number): Promise<void> {
    await this.prisma.query(TRIM_LIVE_OUTPUT, jobId, delivery, seq);
  }

  async runState(jobId: string): Promise<RunState | undefined> {
    const [state] = await this.prisma.query<RunState>(RUN_STATE, jobId);
    return state;
  }

  /** The pieces after `seq`, in their order. */
  read({ jobId, delivery }: Run, seq: number, limit: number): Promise<LivePiece[]> {
    return this.prisma.query<LivePiece>(READ_LIVE_OUTPUT, jobId, delivery, seq, limit);
  }
}
