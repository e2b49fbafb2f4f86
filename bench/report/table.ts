/** The table that `npm run bench` prints: a row for each measurement, with its goal, the figures and the verdict. */
import Table from 'cli-table3';
import type { Measurement } from '../rows/measurement.js';
import { isMet, type Figure, type Result, type Verdict } from './result.js';

export interface Outcome {
  readonly measurement: Measurement;
  /** What was measured, or why nothing was. */
  readonly result: Result | Error;
}

export function renderTable(outcomes: readonly Outcome[]): string {
  const table = new Table({
    head: ['row', 'goal', 'Triumvir', 'peers (durability)', 'measured against the goal', ''],
    colWidths: [11, 34, 36, 46, 36, 9],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const { measurement, result } of outcomes) {
    const { name, goal } = measurement;
    if (result instanceof Error) {
      table.push([name, goal, `not measured: ${result.message}`, '', '', 'FAILED']);
      continue;
    }
    table.push([
      name,
      goal,
      result.ours.map(figure).join('\n'),
      result.peers.map(figure).join('\n'),
      result.verdicts.map(verdict).join('\n'),
      result.verdicts.every(isMet) ? 'met' : 'MISSED',
    ]);
  }
  return table.toString();
}

function figure({ who, text, durability }: Figure): string {
  return `${who}: ${text}${durability === undefined ? '' : ` (${durability})`}`;
}

export function verdict(one: Verdict): string {
  const { of, measured, atLeast, atMost, unit } = one;
  const bound = atLeast === undefined ? `at most ${short(atMost ?? Infinity)}` : `at least ${short(atLeast)}`;
  return `${of}: ${short(measured)} ${unit} (${bound}${isMet(one) ? '' : ', MISSED'})`;
}

/** Three digits are as many as a measurement on a shared machine is good for. */
function short(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
