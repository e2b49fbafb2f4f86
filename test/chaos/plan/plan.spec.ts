import { describe, expect, it } from 'vitest';
import { faultsNamed } from '../faults/catalogue.js';
import { planFaults } from './fault-plan.js';
import { planWorkload } from './workload-plan.js';

describe('planWorkload', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planWorkload(1, 20_000, 20)).toEqual(planWorkload(1, 20_000, 20));
    expect(planWorkload(1, 20_000, 20)).not.toEqual(planWorkload(2, 20_000, 20));
  });

  it('keeps the rate', () => {
    const perSecond = planWorkload(1, 100_000, 20).length / 100;
    expect(perSecond).toBeGreaterThan(17);
    expect(perSecond).toBeLessThan(23);
  });

  it('names every job once, and has all kinds of them', () => {
    const items = planWorkload(1, 60_000, 20);
    expect(new Set(items.map(({ name }) => name)).size).toBe(items.length);
    expect(new Set(items.map(({ type }) => type))).toEqual(new Set(['command', 'print']));
    expect(new Set(items.map(({ queue }) => queue)).size).toBeGreaterThan(2);
    expect(items.some(({ cancelAfterMs }) => cancelAfterMs !== undefined)).toBe(true);
    expect(items.some(({ failUntil, maxAttempts }) => failUntil > 0 && failUntil < maxAttempts)).toBe(true);
    expect(items.some(({ failUntil, maxAttempts }) => failUntil >= maxAttempts)).toBe(true);
    expect(items.some(({ delayMs }) => delayMs > 0)).toBe(true);
  });
});

describe('planFaults', () => {
  const faults = faultsNamed([]);

  it('is the same for the same seed, and another for another', () => {
    expect(planFaults(1, faults, 50)).toEqual(planFaults(1, faults, 50));
    expect(planFaults(1, faults, 50)).not.toEqual(planFaults(2, faults, 50));
  });

  it('gives every fault a turn before any has a second', () => {
    const first = planFaults(1, faults, faults.length).map(({ fault }) => fault.name);
    expect(new Set(first).size).toBe(faults.length);
  });

  it('overlaps only faults that harm different parts', () => {
    const overlapping = planFaults(1, faults, 500).filter(({ also }) => also !== undefined);
    expect(overlapping.length).toBeGreaterThan(10);
    expect(overlapping.every(({ fault, also }) => fault.harms !== also?.harms)).toBe(true);
  });
});

describe('faultsNamed', () => {
  it('takes the beginnings of names, and refuses what begins none', () => {
    expect(faultsNamed(['redis-flushed', 'leader-k']).map(({ name }) => name)).toEqual([
      'leader-killed',
      'redis-flushed',
    ]);
    expect(() => faultsNamed(['meteorite'])).toThrow('There is no fault meteorite');
  });

  it('lets those make a job run twice that cost an executor its lease or Postgres its memory, and no others', () => {
    const names = faultsNamed([]).flatMap(({ name, mayRepeat }) => (mayRepeat === true ? [name] : []));
    expect(names.toSorted()).toEqual([
      'executor-killed',
      'executor-paused',
      'executor-paused-in-start',
      'link-cut:executor-postgres',
      'link-silent:executor-postgres',
      'link-slow:executor-postgres',
      'link-torn:executor-postgres',
      'postgres-disk-full',
      'postgres-restarted-fast',
      'postgres-restarted-immediate',
    ]);
  });

  it('names every fault once', () => {
    const names = faultsNamed([]).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
