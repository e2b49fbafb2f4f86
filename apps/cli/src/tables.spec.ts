import { describe, expect, it } from 'vitest';
import type { Job } from './answers.js';
import { clusterTables, jobDetails, jobsTable, outcomesTable, renderTable } from './tables.js';
import { plain, textWidth, type Paint } from './text.js';

const NOW = Date.parse('2030-01-01T00:01:00Z');
const wide = { columns: Number.POSITIVE_INFINITY, paint: plain };

const bold: Paint = (_style, text) => `\u001b[1m${text}\u001b[22m`;
const spelled: Paint = (style, text) => `${String(style)}(${text})`;

const job = (settings: Partial<Job> = {}): Job => ({
  id: '0190',
  name: 'backup',
  type: 'command',
  queue: 'default',
  state: 'succeeded',
  priority: 5,
  payload: { command: 'tar c .' },
  runAt: '2030-01-01T00:00:00Z',
  createdAt: '2030-01-01T00:00:00Z',
  startedAt: '2030-01-01T00:00:01Z',
  finishedAt: '2030-01-01T00:00:03.500Z',
  attempt: 1,
  maxAttempts: 4,
  executor: 'host-1',
  cancelRequestedAt: null,
  result: { exitCode: 0, durationMs: 2500 },
  error: null,
  ...settings,
});

describe('renderTable', () => {
  it('sets columns apart by spaces and leaves none at the end of a line', () => {
    const rows = [
      ['1', 'x'],
      ['22222', ''],
    ];
    expect(renderTable(['A', 'B'], rows, wide)).toBe('A      B\n1      x\n22222\n');
  });

  it('cuts the last column at the edge of the screen, and nothing where there is none', () => {
    const rows = [['1', 'x'.repeat(100)]];
    const cut = renderTable(['A', 'B'], rows, { ...wide, columns: 40 });
    for (const line of cut.trimEnd().split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(40);
    expect(cut).toContain('…');
    expect(renderTable(['A', 'B'], rows, wide)).toContain('x'.repeat(100));
  });

  it('keeps columns in line under colours and wide characters', () => {
    const table = renderTable(
      ['NAME', 'B'],
      [
        ['任務', 'x'],
        ['abcdef', 'y'],
      ],
      { ...wide, paint: bold },
      (cell, column) => (column === 0 ? bold('bold', cell) : cell),
    );
    // oxlint-disable-next-line no-control-regex -- takes off the colours that were put on above
    expect(table.replace(/\u001b\[\d+m/g, '')).toBe('NAME    B\n任務    x\nabcdef  y\n');
  });
});

describe('tables of jobs', () => {
  it('lists jobs', () => {
    const jobs = [job(), job({ name: null, state: 'running', finishedAt: null, attempt: 2 })];
    expect(
      jobsTable(jobs, wide, NOW)
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['ID', 'STATE', 'ATTEMPT', 'TYPE', 'QUEUE', 'RUN AT', 'DURATION', 'NAME'],
      ['0190', 'succeeded', '1/4', 'command', 'default', '2030-01-01 00:00:00Z', '2.5 s', 'backup'],
      ['0190', 'running', '2/4', 'command', 'default', '2030-01-01 00:00:00Z', '59.0 s', 'tar c .'],
      [''],
    ]);
  });

  it('says what became of jobs, with the exit code of those that have one', () => {
    const outcomes = [
      { job: job(), firstLine: 'done' },
      { job: job({ state: 'dead', result: null, error: { message: 'no', exitCode: 7 } }), firstLine: 'oops' },
      { job: job({ state: 'dead', result: { signal: 'SIGTERM', exitCode: null } }), firstLine: '' },
      { job: job({ state: 'cancelled', type: 'print', startedAt: null, result: null }), firstLine: '' },
    ];
    const rows = outcomesTable(outcomes, wide, NOW)
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rows[0]).toEqual(['NAME', 'STATE', 'ATTEMPTS', 'EXIT', 'DURATION', 'OUTPUT']);
    expect(rows.slice(1).map((row) => [row[1], row[3], row[4], row[5]])).toEqual([
      ['succeeded', '0', '2.5 s', 'done'],
      ['dead', '7', '2.5 s', 'oops'],
      ['dead', 'SIGTERM', '2.5 s', undefined],
      ['cancelled', '-', '-', undefined],
      [undefined, undefined, undefined, undefined],
    ]);
  });

  it('colours each state', () => {
    const table = jobsTable([job(), job({ state: 'dead' })], { ...wide, paint: spelled }, NOW);
    expect(table).toContain('green(succeeded)');
    expect(table).toContain('red(dead)');
  });

  it('lets nothing in a job break the table', () => {
    const table = jobsTable([job({ name: 'a\nb\u001b[2J', type: 't\tt', queue: 'q\rq' })], wide, NOW);
    expect(table.split('\n')).toHaveLength(3);
    for (const control of ['\t', '\r', '\u001b']) expect(table).not.toContain(control);
  });

  it('shows everything about one job, and its attempts', () => {
    const attempts = [
      {
        attempt: 1,
        outcome: 'failed',
        executor: 'host-1',
        startedAt: '2030-01-01T00:00:01Z',
        finishedAt: null,
        error: { message: 'exit code 7' },
      },
    ];
    const text = jobDetails(job({ attempts }), wide, NOW);
    expect(text).toContain('payload:   {"command":"tar c ."}\n');
    expect(text).toMatch(/^1 +failed +host-1 +2030-01-01 00:00:01Z +- +exit code 7$/m);
    expect(jobDetails(job(), wide, NOW)).not.toContain('OUTCOME');
  });
});

describe('clusterTables', () => {
  it('shows leaders, members and executors, and an election that nobody leads', () => {
    const member = { id: 'a-1', host: 'a', pid: 1, since: '2030-01-01T00:00:00Z' };
    const text = clusterTables(
      {
        elections: [
          { election: 'scheduler/shard-0', leader: { ...member, epoch: 3 }, candidates: [member, member] },
          { election: 'executor/reclaimer', leader: null, candidates: [] },
        ],
        members: { store: [member], scheduler: [], executor: [] },
        executors: [
          { id: 'e-1', slots: 8, running: 2, types: ['command', 'print'], leaseExpiresAt: member.since },
        ],
      },
      wide,
    );
    expect(text).toMatch(/^scheduler\/shard-0 +a-1 +a +1 +2030-01-01 00:00:00Z +3 +2$/m);
    expect(text).toMatch(/^executor\/reclaimer +none +- +- +- +- +0$/m);
    expect(text).toMatch(/^store +a-1 +a +1 +2030-01-01 00:00:00Z$/m);
    expect(text).toMatch(/^e-1 +2 +8 +2030-01-01 00:00:00Z +command, print$/m);
  });
});
