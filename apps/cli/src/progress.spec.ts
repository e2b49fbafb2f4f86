import type { JobState } from '#common/domain/job.js';
import { describe, expect, it } from 'vitest';
import type { Job } from './answers.js';
import { changeLine, renderProgress, stateCounts, type ProgressView } from './progress.js';
import { plain, textWidth } from './text.js';

const START = Date.parse('2030-01-01T00:00:00Z');

function jobIn(state: JobState, settings: Partial<Job> = {}): Job {
  return {
    id: `id-of-${state}`,
    name: null,
    type: 'command',
    queue: 'default',
    state,
    priority: 5,
    payload: { command: 'echo hi' },
    runAt: null,
    createdAt: null,
    startedAt: null,
    finishedAt: null,
    attempt: 0,
    maxAttempts: 4,
    executor: null,
    cancelRequestedAt: null,
    result: null,
    error: null,
    ...settings,
  };
}

const view = (jobs: readonly Job[], settings: Partial<ProgressView> = {}): ProgressView => ({
  jobs,
  now: START + 2_500,
  elapsedMs: 2_500,
  columns: 100,
  rows: 24,
  paint: plain,
  ...settings,
});

const startedAt = new Date(START).toISOString();

describe('renderProgress', () => {
  it('shows a line for each job, and one for all', () => {
    const lines = renderProgress(
      view([
        jobIn('succeeded', {
          name: 'quick',
          attempt: 1,
          startedAt,
          finishedAt: new Date(START + 85).toISOString(),
        }),
        jobIn('running', { name: 'slow', attempt: 2, startedAt }),
        jobIn('scheduled'),
      ]),
    );
    expect(lines.map((line) => line.replace(/ {2,}/g, ' | '))).toEqual([
      '✔ quick | succeeded | 85 ms',
      '● slow | running | attempt 2/4 | 2.5 s',
      '◷ echo hi | scheduled | -',
      '████████░░░░░░░░░░░░░░░░ 1/3 | 1 scheduled, 1 running, 1 succeeded | 2.5 s',
    ]);
  });

  it('shows the line for all jobs alone when the others do not fit on the screen', () => {
    const jobs = Array.from({ length: 23 }, (_, n) => jobIn('queued', { id: `id-${n}` }));
    expect(renderProgress(view(jobs.slice(0, 22)))).toHaveLength(23);
    expect(renderProgress(view(jobs))).toEqual([`${'░'.repeat(24)} 0/23  23 queued  2.5 s`]);
  });

  it('never makes a line wider or a block higher than the screen', () => {
    const name = '任務 🚀 with a very long name that goes on and on and on';
    for (const columns of [10, 30, 60, 200]) {
      for (const rows of [1, 3, 10]) {
        const jobs = Array.from({ length: 6 }, () => jobIn('running', { name, attempt: 3, startedAt }));
        const lines = renderProgress(view(jobs, { columns: Math.max(columns, 30), rows }));
        expect(lines.length).toBeLessThan(Math.max(rows, 2));
        for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(Math.max(columns, 30));
      }
    }
  });

  it('lets no name move the cursor', () => {
    const [line] = renderProgress(view([jobIn('running', { name: 'a\u001b[2Jb\nc\rd' })]));
    expect(line).toContain('ab c d');
  });

  it('says that a running job is being cancelled', () => {
    const [line] = renderProgress(view([jobIn('running', { cancelRequestedAt: startedAt })]));
    expect(line).toContain('running (cancelling)');
  });

  it('colours jobs by their state, and the bar by what succeeded and what did not', () => {
    const lines = renderProgress(
      view([jobIn('succeeded'), jobIn('dead')], { paint: (style, text) => `<${String(style)}>${text}</>` }),
    );
    expect(lines[0]).toMatch(/^<green>✔<\/> /);
    expect(lines[1]).toMatch(/^<red>✘<\/> /);
    expect(lines[2]).toContain(`<green>${'█'.repeat(12)}</><red>${'█'.repeat(12)}</>`);
  });
});

describe('stateCounts', () => {
  it('counts the states that occur, in the order in which a job passes through them', () => {
    const jobs = [jobIn('dead'), jobIn('succeeded'), jobIn('queued'), jobIn('succeeded')];
    expect(stateCounts(jobs)).toBe('1 queued, 2 succeeded, 1 dead');
  });
});

describe('changeLine', () => {
  it('tells when, which job, and what it is now', () => {
    const at = new Date(START);
    expect(changeLine(jobIn('queued', { name: 'backup' }), at)).toBe('00:00:00 backup: queued');
    expect(changeLine(jobIn('running', { attempt: 2 }), at)).toBe('00:00:00 echo hi: running (attempt 2/4)');
    expect(changeLine(jobIn('queued', { type: 'print', payload: null }), at)).toBe(
      '00:00:00 id-of-queued: queued',
    );
  });
});
