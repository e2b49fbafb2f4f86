/**
 * Tells one client what a job writes, while it writes it, attempt after attempt until the job has ended. What is told live
 * comes from the executor, or from what a worker outside has appended; what an attempt wrote that has ended unseen comes from where output is kept for good.
 */
import type { JobRepository } from '#common/database/job.repository.js';
import type { LiveOutputRepository, RunState } from '#common/database/live-output.repository.js';
import { isEndState, type OutputPiece } from '#common/domain/job.js';
import { Alarm } from '#common/runtime/alarm.js';
import { eventText, type EventStream } from '../http/event-stream.js';
import { outputId, type OutputId } from './output-id.js';
import { RunOutput } from './run-output.js';

/** How often the job is looked at when nothing tells of it, in milliseconds. */
const LOOK_EVERY_MS = 1000;
/** A run that writes nothing more will soon be recorded as ended, in milliseconds. */
const ENDING_LOOK_MS = 20;
/** Pieces in one read. */
const PAGE = 32;

/** The attempt that is being told. */
interface Told {
  readonly attempt: number;
  readonly delivery: number;
  readonly output: RunOutput;
  lastSeq: number;
  /** The run has said that it writes nothing more. */
  final: boolean;
}

export class OutputFollower {
  /** Attempts up to this one have been told. */
  #toldUpTo = 0;
  #current: Told | undefined;
  #pauseMs = LOOK_EVERY_MS;

  constructor(
    private readonly jobId: string,
    private readonly stream: EventStream,
    private readonly jobs: JobRepository,
    private readonly live: LiveOutputRepository,
    /** Rung when the job has written something. */
    private readonly alarm: Alarm,
  ) {}

  /**
   * @param only the attempt that is wanted; unless given, the latest and all that follow
   * @param from what the client has already
   */
  async serve(only: number | undefined, from: OutputId | undefined): Promise<void> {
    const first = await this.live.runState(this.jobId);
    this.#toldUpTo = (from?.attempt ?? only ?? Math.max(first?.attempt ?? 0, 1)) - 1;
    if (from !== undefined) {
      const { attempt, delivery, position } = from;
      this.#current = { attempt, delivery, output: new RunOutput(position), lastSeq: 0, final: false };
    }
    while (!this.stream.signal.aborted) {
      const job = await this.live.runState(this.jobId);
      // A job that has been deleted tells nothing more.
      if (job === undefined || (await this.#tell(job, only))) break;
      await this.stream.drained();
      await this.alarm.sleep(this.#pauseMs, this.stream.signal);
    }
  }

  /** Tells what is new. @returns whether that was all */
  async #tell(job: RunState, only: number | undefined): Promise<boolean> {
    const running = job.state === 'running';
    if (this.#current !== undefined && !(running && job.delivery === this.#current.delivery)) {
      await this.#tellEnd(this.#current, job);
    }
    const last = running ? job.attempt - 1 : job.attempt;
    while (this.#toldUpTo < Math.min(last, only ?? last)) await this.#tellKept(this.#toldUpTo + 1, job);
    if (only !== undefined && this.#toldUpTo >= only) return this.#done(job);

    if (running && this.#current === undefined && job.attempt > this.#toldUpTo) {
      const { attempt, delivery } = job;
      this.#current = { attempt, delivery, output: new RunOutput(), lastSeq: 0, final: false };
      this.stream.send(eventText('attempt', { attempt }, this.#id(this.#current)));
    }
    if (this.#current !== undefined) await this.#tellLive(this.#current);
    this.#pauseMs =
      this.#current?.final === true ? Math.min(this.#pauseMs * 2, LOOK_EVERY_MS) : LOOK_EVERY_MS;
    return isEndState(job.state) && this.#done(job);
  }

  #done(job: RunState): boolean {
    this.stream.send(eventText('done', { state: job.state }, 'done'));
    return true;
  }

  async #tellLive(told: Told): Promise<void> {
    for (;;) {
      const pieces = await this.live.read({ jobId: this.jobId, delivery: told.delivery }, told.lastSeq, PAGE);
      for (const piece of pieces) {
        told.lastSeq = piece.seq;
        if (piece.final) {
          told.final = true;
          this.#pauseMs = ENDING_LOOK_MS / 2;
        } else {
          this.#send(told.output.add(piece), told);
        }
      }
      if (pieces.length < PAGE || this.stream.signal.aborted) break;
      await this.stream.drained();
    }
    // A worker outside appends to what is kept; it has no gap but at its end.
    if (told.lastSeq > 0) return;
    const kept = await this.jobs.output(this.jobId, told.attempt);
    for (const piece of told.output.next(kept.filter(({ omittedBytes }) => omittedBytes === 0)))
      this.#send(piece, told);
  }

  /** The run is over: what has not been told live is kept. */
  async #tellEnd(told: Told, job: RunState): Promise<void> {
    await this.#tellLive(told);
    if (!told.final) {
      const rest = told.output.rest(await this.jobs.output(this.jobId, told.attempt));
      for (const piece of rest ?? []) this.#send(piece, told);
      if (rest === undefined) {
        const detail = `Not all of it could be told live; GET /api/v1/jobs/${this.jobId}/output?attempt=${told.attempt} has what was kept.`;
        this.stream.send(eventText('gap', { reason: 'incomplete', detail }));
      }
    }
    this.#current = undefined;
    // An attempt that was handed back does not count, and the next one has the same number.
    this.#toldUpTo = Math.min(told.attempt, job.state === 'running' ? job.attempt - 1 : job.attempt);
    this.stream.send(eventText('end', { attempt: told.attempt, state: job.state }));
  }

  /** Tells of an attempt that has ended before anything of it was told. */
  async #tellKept(attempt: number, job: RunState): Promise<void> {
    this.stream.send(eventText('attempt', { attempt }));
    for (const piece of await this.jobs.output(this.jobId, attempt)) this.#send(piece, undefined);
    this.#toldUpTo = attempt;
    // All but the latest were followed by another.
    this.stream.send(eventText('end', { attempt, state: attempt === job.attempt ? job.state : 'scheduled' }));
  }

  #send(piece: OutputPiece | undefined, told: Told | undefined): void {
    if (piece === undefined) return;
    const { stream, text, omittedBytes } = piece;
    const data = { stream, text, ...(omittedBytes > 0 ? { omittedBytes } : {}) };
    this.stream.send(eventText('output', data, told === undefined ? undefined : this.#id(told)));
  }

  #id({ attempt, delivery, output }: Told): string {
    return outputId({ attempt, delivery, position: output.position });
  }
}
