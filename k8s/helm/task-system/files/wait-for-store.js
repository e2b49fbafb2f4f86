// Ends when the store says that it, a scheduler and an executor are there.
import { setTimeout as delay } from 'node:timers/promises';

const url = `${process.env.STORE_SERVICE_URL}/health`;
for (let told; ; ) {
  const seen = await fetch(url, { signal: AbortSignal.timeout(5000) })
    .then(async (answer) => answer.ok || answer.text())
    .catch((error) => `${url}: ${error.cause?.message ?? error.message}`);
  if (seen === true) break;
  if (seen !== told) console.log(seen.trim());
  told = seen;
  await delay(2000);
}
process.exit(0);
