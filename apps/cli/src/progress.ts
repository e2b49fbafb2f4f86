/**
 * What the progress of jobs looks like: a pure function of their states, the size of the screen and the time. Drawing it is
 * progress-display.ts.
 */
import { JOB_STATES, type JobState } from '#common/domain/job.js';
import { isFinished, type Job } from './answers.js';
import { attemptsOf, durationOf, labelOf, STATE_STYLE, stateOf } from './describe-job.js';
import { formatDuration, pad, textWidth, truncate, type Paint } from './text.js';

export interface ProgressView {
  readonly jobs: readonly Job[];
  /** Milliseconds, as Date.now() gives them. */
  readonly now: number;
  /** How long has been waited so far. */
  readonly elapsedMs: number;
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
}

const SYMBOL: Readonly<Record<JobState, string>> = {
  blocked: '◌',
  scheduled: '◷',
  queued: '○',
  running: '●',
  succeeded: '✔',
  dead: '✘',
  cancelled: '⊘',
  expired: '⊘',
};

const BAR_COLUMNS = 24;
const LONGEST_LABEL = 40;
const STATE_COLUMNS = Math.max(...JOB_STATES.map((state) => state.length)) + ' (cancelling)'.length;

/** A line for each job and one for all of them; where those do not fit on the screen, the latter alone. */
export function renderProgress(view: ProgressView): string[] {
  const summary = summaryLine(view);
  // One row stays free for the cursor, which stands below the block.
  if (view.jobs.length + 2 > view.rows) return [summary];
  const labels = view.jobs.map(labelOf);
  const labelColumns = Math.min(LONGEST_LABEL, Math.max(0, ...labels.map(textWidth)));
  return [...view.jobs.map((job, index) => jobLine(view, job, labels[index] ?? '', labelColumns)), summary];
}

function jobLine(view: ProgressView, job: Job, label: string, labelColumns: number): string {
  const text = [
    pad(truncate(label, labelColumns), labelColumns),
    pad(stateOf(job), STATE_COLUMNS),
    pad(job.attempt > 1 ? `attempt ${attemptsOf(job)}` : '', 'attempt 10/10'.length),
    durationOf(job, view.now),
  ].join('  ');
  const fitting = truncate(text.trimEnd(), Math.max(0, view.columns - 3));
  return `${view.paint(STATE_STYLE[job.state], SYMBOL[job.state])} ${fitting}`;
}

function summaryLine({ jobs, columns, elapsedMs, paint }: ProgressView): string {
  const finished = jobs.filter(isFinished).length;
  const succeeded = jobs.filter(({ state }) => state === 'succeeded').length;
  const share = (count: number) => (jobs.length === 0 ? 0 : Math.floor((BAR_COLUMNS * count) / jobs.length));
  const good = share(succeeded);
  const bad = share(finished) - good;
  const bar =
    paint('green', '█'.repeat(good)) +
    paint('red', '█'.repeat(bad)) +
    paint('gray', '░'.repeat(BAR_COLUMNS - good - bad));
  const text = ` ${finished}/${jobs.length}  ${stateCounts(jobs)}  ${formatDuration(elapsedMs)}`;
  return bar + truncate(text, Math.max(0, columns - BAR_COLUMNS - 1));
}

/** `5 succeeded, 1 dead`: the states that a job is in, in the order in which a job passes through them. */
export function stateCounts(jobs: readonly Job[]): string {
  const counts = new Map<JobState, number>();
  for (const { state } of jobs) counts.set(state, (counts.get(state) ?? 0) + 1);
  return JOB_STATES.flatMap((state) => {
    const count = counts.get(state);
    return count === undefined ? [] : [`${count} ${state}`];
  }).join(', ');
}

/** The one line that says what became of a job, where nothing can be redrawn. */
export function changeLine(job: Job, at: Date): string {
  const attempt = job.attempt > 0 ? ` (attempt ${attemptsOf(job)})` : '';
  return `${at.toISOString().slice(11, 19)} ${labelOf(job)}: ${stateOf(job)}${attempt}`;
}
