/** What `triumvir handler new` writes: a handler that works, and its test. Neither needs a package. */

export function handlerSource(type: string): string {
  return `/**
 * Jobs of type \`${type}\`. EXECUTOR_HANDLERS names the folder of this file; executors find it there when they start.
 * docs/HANDLERS.md describes all that a handler can do.
 */
export default {
  type: '${type}',

  /** A JSON Schema. The store refuses jobs whose payload does not fit it. */
  payload: {
    type: 'object',
    properties: {
      names: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 1000 },
    },
    required: ['names'],
    additionalProperties: false,
  },

  /** Resolves with the job's result. What it throws is a failed attempt, and the job's retry policy says what follows. */
  async run({ names }, { jobId, attempt, signal, output, progress }) {
    output.out(\`job \${jobId}, attempt \${attempt}\\n\`);
    for (const [index, name] of names.entries()) {
      // Time-out, cancellation or shutdown: whatever is done in steps looks here between them.
      signal.throwIfAborted();
      output.out(\`Hello, \${name}!\\n\`);
      progress((100 * (index + 1)) / names.length, name);
    }
    return { greeted: names.length };
  },
};
`;
}

export function handlerTestSource(type: string): string {
  return `/** node --test ${type}.handler.test.mjs */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import handler from './${type}.handler.mjs';

/** Runs the handler as an executor does, and keeps what it writes and tells. */
async function run(payload, signal = new AbortController().signal) {
  const written = [];
  const told = [];
  const result = await handler.run(payload, {
    jobId: '00000000-0000-7000-8000-000000000000',
    attempt: 1,
    signal,
    killGraceMs: 5000,
    output: { out: (text) => written.push(text), err: (text) => written.push(text) },
    progress: (percent, message) => told.push([percent, message]),
  });
  return { result, output: written.join(''), told };
}

test('everybody is greeted', async () => {
  const { result, output } = await run({ names: ['Ada', 'Grace'] });
  assert.deepEqual(result, { greeted: 2 });
  assert.match(output, /Hello, Ada!\\nHello, Grace!\\n$/);
});

test('it tells how far it is', async () => {
  const { told } = await run({ names: ['Ada', 'Grace'] });
  assert.deepEqual(told, [
    [50, 'Ada'],
    [100, 'Grace'],
  ]);
});

test('asked to stop, it stops', async () => {
  await assert.rejects(run({ names: ['Ada'] }, AbortSignal.abort()), { name: 'AbortError' });
});
`;
}
