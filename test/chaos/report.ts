/** What a run found, as a table for people and as JSON for programs. */
import Table from 'cli-table3';
import { judge, type Verdict } from './checkers/all.js';
import { findDuplicates } from './checkers/duplicates.js';
import type { Evidence, FaultRecord, Violation } from './checkers/evidence.js';
import { groupBy } from './checkers/group-by.js';
import { neverAgain } from './checkers/never-again.js';
import { findLost } from './checkers/nothing-lost.js';

export interface FaultRow {
  readonly fault: string;
  readonly injected: number;
  readonly lost: number;
  readonly rerun: number;
  readonly duplicates: number;
  readonly healP50Ms: number | null;
  readonly healMaxMs: number | null;
  /** From the fault's end until nothing that was due still waited. */
  readonly caughtUpMaxMs: number | null;
  readonly boundMs: number;
}

export interface Report {
  readonly passed: boolean;
  readonly submissions: Readonly<Record<'ok' | 'failed' | 'unknown', number>>;
  readonly jobs: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly duplicates: number;
  readonly slackMs: number;
  readonly faults: readonly FaultRow[];
  readonly verdicts: readonly Verdict[];
}

/** Not under any fault. */
const QUIET = '(no fault)';

export function makeReport(evidence: Evidence): Report {
  const { submissions, jobs, ledger, faults } = evidence;
  const verdicts = judge(evidence);
  const duplicates = findDuplicates(evidence);
  const lost = countByFault(findLost(evidence), faults);
  const rerun = countByFault(neverAgain(evidence), faults);
  const doubled = groupBy(duplicates, ({ fault }) => fault?.name ?? QUIET);
  const names = groupBy(faults, ({ name }) => name);
  const rows = [...new Set([...names.keys(), ...lost.keys(), ...rerun.keys(), ...doubled.keys()])].map(
    (fault): FaultRow => {
      const records = names.get(fault) ?? [];
      const heals = records.flatMap(({ healMs }) => healMs ?? []).sort((a, b) => a - b);
      const caughtUp = records.flatMap(({ caughtUpMs }) => caughtUpMs ?? []);
      return {
        fault,
        injected: records.length,
        lost: lost.get(fault) ?? 0,
        rerun: rerun.get(fault) ?? 0,
        duplicates: doubled.get(fault)?.length ?? 0,
        healP50Ms: heals[Math.floor((heals.length - 1) / 2)] ?? null,
        healMaxMs: heals.length === records.length ? (heals.at(-1) ?? null) : null,
        caughtUpMaxMs:
          caughtUp.length === records.length && records.length > 0 ? Math.max(...caughtUp) : null,
        boundMs: records[0]?.boundMs ?? 0,
      };
    },
  );
  return {
    passed: verdicts.every(({ violations }) => violations.length === 0),
    submissions: {
      ok: submissions.filter(({ result }) => result === 'ok').length,
      failed: submissions.filter(({ result }) => result === 'failed').length,
      unknown: submissions.filter(({ result }) => result === 'unknown').length,
    },
    jobs: Object.fromEntries(
      [...groupBy(jobs, ({ state }) => state)].map(([state, group]) => [state, group.length]),
    ),
    runs: ledger.length,
    duplicates: duplicates.length,
    slackMs: evidence.slackMs,
    faults: rows.sort((a, b) => a.fault.localeCompare(b.fault)),
    verdicts,
  };
}

/** A finding belongs to the last fault that had begun by then, if it is about a time. */
function countByFault(violations: readonly Violation[], faults: readonly FaultRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { atMs } of violations) {
    const fault = faults.findLast(({ fromMs }) => atMs !== undefined && fromMs <= atMs)?.name ?? QUIET;
    counts.set(fault, (counts.get(fault) ?? 0) + 1);
  }
  return counts;
}

const SHOWN_VIOLATIONS = 10;

export function renderReport(report: Report): string {
  const table = new Table({
    head: ['fault', 'times', 'lost', 're-run', 'duplicates', 'heal p50', 'heal max', 'bound', 'caught up'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const row of report.faults) {
    table.push([
      row.fault,
      row.injected,
      row.lost,
      row.rerun,
      row.duplicates,
      seconds(row.healP50Ms),
      seconds(row.healMaxMs),
      seconds(row.boundMs),
      seconds(row.caughtUpMaxMs),
    ]);
  }
  const { ok, failed, unknown } = report.submissions;
  const states = Object.entries(report.jobs).map(([state, count]) => `${count} ${state}`);
  const share = report.runs === 0 ? 0 : (100 * report.duplicates) / report.runs;
  const lines = [
    table.toString(),
    '',
    `Submissions: ${ok} acknowledged, ${failed} failed, ${unknown} unknown. Jobs: ${states.join(', ')}.`,
    `Runs in the ledger: ${report.runs}, of which ${report.duplicates} were repetitions owed to faults (${share.toFixed(2)} %).`,
    `Bounds are met when not exceeded by more than ${report.slackMs} ms, which is this machine's own slowness.`,
    '',
  ];
  for (const { checker, violations } of report.verdicts) {
    lines.push(`${violations.length === 0 ? 'pass' : 'FAIL'}  ${checker}`);
    lines.push(...violations.slice(0, SHOWN_VIOLATIONS).map(({ what }) => `        ${what}`));
    if (violations.length > SHOWN_VIOLATIONS)
      lines.push(`        and ${violations.length - SHOWN_VIOLATIONS} more`);
  }
  return lines.join('\n');
}

function seconds(ms: number | null): string {
  return ms === null ? '–' : `${(ms / 1000).toFixed(1)} s`;
}
