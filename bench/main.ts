/** `npm run bench`: measures a running system (STORE_SERVICE_URL, by default what `make start` has started). */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measureFailover } from './failover.js';
import { measureLatency } from './latency.js';

const { values, positionals } = parseArgs({
  options: { count: { type: 'string', default: '300' }, json: { type: 'string' } },
  // Which one: latency (the default) or failover.
  allowPositionals: true,
});
const url = process.env['STORE_SERVICE_URL'] ?? 'http://127.0.0.1:3000';

if (positionals[0] === 'failover') {
  const pauseMs = await measureFailover(url);
  process.stdout.write(
    `leading scheduler killed under 500 jobs of 20 ms: longest pause between two starts ${pauseMs} ms\n`,
  );
  process.exit(0);
}

const results = await measureLatency(url, Number(values.count));
const columns = ['p50', 'p99', 'max'] as const;
process.stdout.write(
  `${'idle latency, milliseconds'.padEnd(42)}${columns.map((name) => name.padStart(9)).join('')}\n`,
);
for (const [name, latency] of Object.entries(results)) {
  process.stdout.write(
    `${name.padEnd(42)}${columns.map((column) => latency[column].toFixed(2).padStart(9)).join('')}\n`,
  );
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
