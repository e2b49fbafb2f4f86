import { expect, it, test } from 'vitest';
import { parseCommandFile } from './command-file.js';

test('jobs have a name, a command and a description; what else there is stays unread', () => {
  const file = { jobs: [{ name: 'a', command: 'true', description: 'x', retries: 3 }, { command: 'false' }] };
  expect(parseCommandFile(`\uFEFF${JSON.stringify(file)}`, 'jobs.json')).toEqual([
    { name: 'a', command: 'true', description: 'x' },
    { name: 'job 2', command: 'false', description: '' },
  ]);
});

it.each([
  ['{', 'jobs.json: is not JSON'],
  ['[]', 'jobs.json: must be an object {"jobs": […]}'],
  ['{}', 'jobs.json: jobs: must be a list'],
  ['{"jobs": []}', 'jobs.json: jobs: must hold at least one job'],
  ['{"jobs": [{"command": "x"}, {"name": "y"}]}', 'jobs.json: jobs.1.command: must be text'],
  ['{"jobs": [{"command": "  "}]}', 'jobs.json: jobs.0.command: must not be empty'],
])('%s is refused with the place of the fault', (content, message) => {
  expect(() => parseCommandFile(content, 'jobs.json')).toThrow(message);
});
