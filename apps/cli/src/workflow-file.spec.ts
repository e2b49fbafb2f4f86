import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '#tools/root.js';
import { parseWorkflowFile } from './workflow-file.js';

const parse = (text: string) => parseWorkflowFile(text, 'flow.yaml');

it('reads YAML and JSON, and a command in place of type and payload', () => {
  const expected = {
    name: 'x',
    jobs: [
      { name: 'a', type: 'command', payload: { command: 'true' } },
      { type: 'print', payload: { text: 'b' }, dependsOn: ['a'] },
    ],
  };
  const yaml = `
name: x
jobs:
  - { name: a, command: 'true' }
  - type: print
    payload: { text: b }
    dependsOn: [a]
`;
  expect(parse(yaml)).toEqual(expected);
  expect(parse(JSON.stringify(expected))).toEqual(expected);
});

it('names what is wrong with the file as a whole', () => {
  expect(() => parse('jobs: {')).toThrow(/^flow.yaml: is neither YAML nor JSON/);
  expect(() => parse('[]')).toThrow('flow.yaml: must be a workflow: {name, jobs: […]}');
  expect(() => parse('jobs: none')).toThrow('flow.yaml: jobs: must be a list');
  expect(() => parse('jobs: []')).toThrow('flow.yaml: jobs: must hold at least one job');
  expect(() => parse('jobs: [{name: a, command: 7}]')).toThrow(
    'flow.yaml: job 1 (a): command: must be a shell command',
  );
  expect(() => parse('jobs: [{}, {command: ls, type: print}]')).toThrow(
    'flow.yaml: job 2: command: must not be set beside type or payload',
  );
});

it('reads the example', () => {
  const path = join(ROOT, 'examples', 'workflow.yaml');
  expect(parse(readFileSync(path, 'utf8'))).toMatchObject({ jobs: { length: 9 } });
});
