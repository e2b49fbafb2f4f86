/**
 * Triumvir from JavaScript or TypeScript: submits a job, watches it, waits for its end, lists what failed.
 *
 *     node examples/client.mjs
 *
 * STORE_SERVICE_URL says where the store is, TRIUMVIR_API_KEY opens it.
 */
import { TriumvirClient } from 'triumvir/client';
import { ProblemError } from 'triumvir/client/errors';

const client = new TriumvirClient({
  baseUrl: process.env.STORE_SERVICE_URL || 'http://localhost:3000',
  apiKey: process.env.TRIUMVIR_API_KEY || undefined,
});

// Submitting is repeated when the answer is lost, and still makes one job.
const job = await client.submitJob({
  type: 'command',
  payload: { command: 'echo "Salve, $USER_NAME"', env: { USER_NAME: 'orbis' } },
  name: 'greeting',
});
console.log(`submitted ${job.id}`);

// What it writes arrives while it runs.
for await (const { event, data } of client.followOutput(job.id)) {
  if (event === 'output') process.stdout.write(data.text);
}

const ended = await client.waitFor(job.id, { timeoutMs: 60_000 });
console.log(`it ${ended.state} after ${ended.attempt} attempt(s)`);

// Any route of openapi.json, with the types that it has there. Lists come page after page.
let failed = 0;
for await (const { jobs } of client.pages('/api/v1/jobs', {
  params: { query: { state: ['dead'], limit: 100 } },
}))
  failed += jobs.length;
console.log(`${failed} dead`);

// A refusal is one kind of error, which says what was wrong.
try {
  await client.submitJob({ type: 'no-such-type' });
} catch (error) {
  if (!(error instanceof ProblemError)) throw error;
  const [fault] = error.faults;
  console.log(`refused: ${fault ? `${fault.field} ${fault.message}` : error.message}`);
}
