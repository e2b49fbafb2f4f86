/**
 * Shows the progress of jobs while they are waited for: on a terminal as a block that is redrawn in place, elsewhere (a log
 * of CI, a file) as a line for each change.
 */
import type { Job } from './answers.js';
import { stateOf } from './describe-job.js';
import { changeLine, renderProgress, stateCounts } from './progress.js';
import { canRedraw, paintFor, type Terminal } from './terminal.js';
import { formatDuration } from './text.js';

export interface ProgressDisplay {
  update(job: Job): void;
  /** Leaves one line about all jobs. To be called however the wait ends. */
  end(): void;
}

export function showProgress(jobs: readonly Job[], { stderr, env }: Terminal): ProgressDisplay {
  return canRedraw(stderr, env) ? new LiveDisplay(jobs, { stderr, env }) : new LineDisplay(jobs, stderr);
}

abstract class Display {
  protected readonly startedAt = performance.now();
  protected readonly latest: Map<string, Job>;

  constructor(jobs: readonly Job[]) {
    this.latest = new Map(jobs.map((job) => [job.id, job]));
  }

  protected summary(): string {
    const jobs = [...this.latest.values()];
    const count = jobs.length === 1 ? '1 job' : `${jobs.length} jobs`;
    return `${count} after ${formatDuration(performance.now() - this.startedAt)}: ${stateCounts(jobs)}\n`;
  }
}

class LineDisplay extends Display implements ProgressDisplay {
  constructor(
    jobs: readonly Job[],
    private readonly stderr: Terminal['stderr'],
  ) {
    super(jobs);
    for (const job of jobs) this.writeLine(job);
  }

  update(job: Job): void {
    const before = this.latest.get(job.id);
    this.latest.set(job.id, job);
    if (before?.attempt === job.attempt && stateOf(before) === stateOf(job)) return;
    this.writeLine(job);
  }

  end(): void {
    this.stderr.write(this.summary());
  }

  private writeLine(job: Job): void {
    this.stderr.write(`${changeLine(job, new Date())}\n`);
  }
}

const FRAME_MS = 100;
const CLEAR_LINE = '\u001b[2K';
const CLEAR_BELOW = '\u001b[J';
/** Lines that turn out too wide (a width guessed wrong) are cut by the terminal rather than break the block. */
const WRAP_OFF = '\u001b[?7l';
const WRAP_ON = '\u001b[?7h';
const up = (lines: number) => (lines === 0 ? '' : `\u001b[${lines}A\r`);

class LiveDisplay extends Display implements ProgressDisplay {
  private readonly stderr: Terminal['stderr'];
  private readonly env: Terminal['env'];
  private readonly timer: NodeJS.Timeout;
  private drawn: readonly string[] = [];

  constructor(jobs: readonly Job[], terminal: Pick<Terminal, 'stderr' | 'env'>) {
    super(jobs);
    this.stderr = terminal.stderr;
    this.env = terminal.env;
    this.draw();
    this.timer = setInterval(() => this.draw(), FRAME_MS).unref();
  }

  update(job: Job): void {
    this.latest.set(job.id, job);
  }

  end(): void {
    clearInterval(this.timer);
    this.stderr.write(`${up(this.drawn.length)}${CLEAR_BELOW}${this.summary()}`);
  }

  private draw(): void {
    const lines = renderProgress({
      jobs: [...this.latest.values()],
      now: Date.now(),
      elapsedMs: performance.now() - this.startedAt,
      columns: this.stderr.columns ?? 80,
      rows: this.stderr.rows ?? 24,
      paint: paintFor(this.stderr, this.env),
    });
    const block = lines.map((line) => `${CLEAR_LINE}${line}\n`).join('');
    // One write for the whole frame: no flicker, and nothing is left half set if the process ends between two of them.
    this.stderr.write(`${WRAP_OFF}${up(this.drawn.length)}${block}${CLEAR_BELOW}${WRAP_ON}`);
    this.drawn = lines;
  }
}
