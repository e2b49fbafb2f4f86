import { expect, test } from 'vitest';
import { resolveDependencies } from './dependencies.js';
import { workflowJobSchema } from './workflow.schemas.js';

const job = (settings: object) => workflowJobSchema.parse({ type: 'print', ...settings });
const resolve = (...jobs: object[]) => resolveDependencies(jobs.map(job), 'cancel');

test('jobs come after those that they depend on, whatever order they were given in', () => {
  expect(resolve({ name: 'b', dependsOn: ['a'] }, { name: 'a' }, {})).toEqual({
    kind: 'resolved',
    order: [1, 2, 0],
    dependencies: [{ parent: 0, child: 2, onFailure: 'cancel' }],
  });
});

test('a dependency goes by its own rule, else by that of its job, else by that of the workflow', () => {
  const dependsOn = ['a', { job: 'b', onDependencyFailure: 'run' }];
  const resolved = resolve(
    { name: 'a' },
    { name: 'b' },
    { dependsOn, onDependencyFailure: 'hold' },
    { dependsOn: ['a'] },
  );
  expect(resolved.kind === 'resolved' && resolved.dependencies.map(({ onFailure }) => onFailure)).toEqual([
    'hold',
    'run',
    'cancel',
  ]);
});

test('a reference to no job, a repeated one and a name that is given twice are each told with their field', () => {
  expect(
    resolve({ name: 'a' }, { name: 'a' }, { name: 'c', dependsOn: ['a', 'nowhere', { job: 'a' }] }),
  ).toEqual({
    kind: 'faulty',
    errors: [
      { field: 'jobs.1.name', message: 'is the name of jobs.0 already' },
      { field: 'jobs.2.dependsOn.1', message: 'no job of this workflow is named "nowhere"' },
      { field: 'jobs.2.dependsOn.2', message: 'names "a" a second time' },
    ],
  });
});

test('a cycle is shown', () => {
  const cycle = resolve(
    { name: 'start' },
    { name: 'a', dependsOn: ['start', 'c'] },
    { name: 'b', dependsOn: ['a'] },
    { name: 'c', dependsOn: ['b'] },
    { name: 'end', dependsOn: ['c'] },
  );
  expect(cycle).toMatchObject({
    kind: 'faulty',
    errors: [{ field: expect.stringMatching(/^jobs\.[123]\.dependsOn$/) }],
  });
  const message = cycle.kind === 'faulty' ? cycle.errors[0]?.message : '';
  expect(message).toMatch(/^makes a cycle: ("[abc]" waits for ){3}"[abc]"$/);
  expect(message).toContain('"b" waits for "a"');
  expect(resolve({ name: 'a', dependsOn: ['a'] })).toMatchObject({
    errors: [{ message: 'makes a cycle: "a" waits for "a"' }],
  });
});

test('a long cycle is told in part', () => {
  const jobs = Array.from({ length: 500 }, (_, n) => ({ name: `j${n}`, dependsOn: [`j${(n + 1) % 500}`] }));
  const cycle = resolve(...jobs);
  expect(cycle.kind === 'faulty' && cycle.errors[0]?.message).toMatch(/… \(500 jobs\) waits for "j0"$/);
});

test('more dependencies than are allowed are refused', () => {
  const names = Array.from({ length: 400 }, (_, n) => `p${n}`);
  const jobs = [...names.map((name) => ({ name })), ...names.map(() => ({ dependsOn: names }))];
  expect(resolve(...jobs)).toMatchObject({ errors: [{ field: 'jobs' }] });
});
