import { expect, test } from 'vitest';
import type { Parent } from '#common/domain/workflow.js';
import { parentsVariable } from './parents-variable.js';

const parent = (result: Parent['result'], name: string | null = 'a'): Parent => ({
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  name,
  state: 'succeeded',
  onDependencyFailure: 'cancel',
  result,
  omitted: false,
});
const read = (parents: readonly Parent[]) =>
  JSON.parse(parentsVariable(parents).JOB_PARENTS ?? 'null') as unknown;

test('a command without parents has no variable', () => {
  expect(parentsVariable([])).toEqual({});
});

test('the results of parents are told', () => {
  expect(read([parent({ rows: 3 })])).toEqual([
    { id: parent(0).id, name: 'a', state: 'succeeded', result: { rows: 3 }, omitted: false },
  ]);
});

test('results that are too long for a variable are left out and marked; the parents are told all the same', () => {
  expect(read([parent('x'.repeat(100_000)), parent(null)])).toMatchObject([
    { result: null, omitted: true },
    { result: null, omitted: false },
  ]);
});

test('more parents than fit are not told at all, so that the command starts', () => {
  expect(parentsVariable(Array.from({ length: 2000 }, () => parent(null)))).toEqual({});
});
