import { describe, expect, it } from 'vitest';
import type { Measurement } from '../rows/measurement.js';
import type { Result, Verdict } from './result.js';
import { renderTable, verdict } from './table.js';

const measurement: Measurement = {
  name: 'drain',
  goal: 'fast',
  measure: () => Promise.reject(new Error('not measured here')),
};

function resultWith(...verdicts: Verdict[]): Result {
  return {
    ours: [],
    peers: [{ who: 'a peer', text: '5/s', durability: 'none' }],
    verdicts,
    notes: [],
    runs: [],
  };
}

const met: Verdict = { of: 'ratio', measured: 1.3, atLeast: 1.25, unit: '×' };
const missed: Verdict = { of: 'p99', measured: 15.01, atMost: 15, unit: 'ms' };

describe('the table', () => {
  it('says of a row that it is missed as soon as one of its goals is', () => {
    expect(renderTable([{ measurement, result: resultWith(met) }])).toContain(' met ');
    expect(renderTable([{ measurement, result: resultWith(met, missed) }])).toContain(' MISSED ');
  });

  it('shows a peer with its durability', () => {
    expect(renderTable([{ measurement, result: resultWith() }])).toContain('a peer: 5/s (none)');
  });

  it('shows why a row could not be measured', () => {
    const text = renderTable([{ measurement, result: new Error('it broke') }]);
    expect(text).toContain('it broke');
    expect(text).toContain('FAILED');
  });

  it('names what was measured beside its bound', () => {
    expect(verdict(met)).toBe('ratio: 1.3 × (at least 1.25)');
    expect(verdict(missed)).toBe('p99: 15 ms (at most 15, MISSED)');
  });
});
