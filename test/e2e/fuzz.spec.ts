/**
 * Bad requests in great number, from a fixed seed: whatever comes in, no answer is a 5xx, the store neither dies nor
 * grows, and what was stored is what was asked for. FUZZ_REQUESTS says how many (100,000 was run for the guarantees).
 */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../support/cluster.js';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 3000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 32;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster?.stop());

interface BadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

const FIELDS = [
  ...[
    'type',
    'payload',
    'name',
    'queue',
    'runAt',
    'delay',
    'priority',
    'maxAttempts',
    'timeout',
    'retry',
    'onLost',
  ],
  ...[
    'uniqueKey',
    'uniquePolicy',
    'attempts',
    'all',
    'dryRun',
    'error',
    'failedBefore',
    '__proto__',
    'constructor',
  ],
];

/** Values that are nearly right, at the edges of what is allowed, or of another kind altogether. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    ...[
      'command',
      'print',
      'exponential',
      'reject',
      '1s',
      '-1s',
      '9999999d',
      '1e9',
      'NaN',
      '',
      ' ',
      '\0',
      '\ud800',
      '💥',
    ],
    ...[
      '2030-01-01T00:00:00Z',
      '9999-12-31T23:59:59-23:59',
      '0000-01-01T00:00:00Z',
      '2030-02-30T00:00:00Z',
      'now',
    ],
    ...[0, -1, 1.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 9, 10, 100, 101, true, false, null, [], {}],
    ...[
      'x'.repeat(201),
      'x'.repeat(70_000),
      '../../etc/passwd',
      "'; DROP TABLE jobs; --",
      '${jndi:ldap://x}',
    ],
    { command: 'true' },
    { text: '\0' },
    { strategy: 'fixed', delay: -1 },
    { strategy: 'list', delays: [] },
  ),
  fc.jsonValue({ maxDepth: 4 }),
);

const jsonBody = fc
  .array(fc.tuple(fc.constantFrom(...FIELDS), nasty), { maxLength: 8 })
  .map((entries) => JSON.stringify(Object.fromEntries(entries)));

const body = fc.oneof(
  { weight: 6, arbitrary: jsonBody },
  { weight: 1, arbitrary: nasty.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: jsonBody.map((text) => text.slice(0, -1)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('['.repeat(20_000), '{"a":'.repeat(5000), '{"type":"print","type":7}'),
  },
);

const word = fc.oneof(
  fc.constantFrom(
    '0198f2a4-0000-7000-8000-000000000000',
    'x',
    '%00',
    '%ff',
    '..',
    '%2e%2e',
    '-1',
    '1',
    '%f0%9f%92%a5',
    'a'.repeat(3000),
  ),
  fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);

/** What may come to stand in a query (q), and its nearest neighbours. */
const search = fc
  .array(
    fc.constantFrom(
      ...[
        'type:',
        'state:',
        'queue:',
        'tag:',
        'name:',
        'key:',
        'id:',
        'workflow:',
        'payload.x:',
        'payload."',
        'x:',
      ],
      ...[
        '"',
        '\\',
        ' ',
        'dead',
        ',',
        '%',
        '_',
        '.',
        '0',
        '-1e9',
        '1e999999',
        'null',
        '{',
        "'",
        '\0',
        '\ud83d',
        '💥',
      ],
      ...['0198f2a4-0000-7000-8000-000000000000', '9'.repeat(40), '{"a":1}'],
    ),
    { maxLength: 9 },
  )
  .map((pieces) => encodeURIComponent(pieces.join('').toWellFormed()));

const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'q',
        'q',
        'state',
        'type',
        'queue',
        'limit',
        'cursor',
        'attempt',
        'error',
        'failedAfter',
        'x[y]',
      ),
      fc.oneof(word, search),
    ),
    {
      maxLength: 4,
    },
  )
  .map((pairs) =>
    pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`,
  );

const path = fc.oneof(
  fc.constant('/api/v1/jobs'),
  fc.constant('/api/v1/jobs'),
  fc.constantFrom(
    '/api/v1/jobs',
    '/api/v1/dead-letters',
    '/api/v1/dead-letters/redrive',
    '/api/v1/cluster',
    '/',
    '//',
    '/%zz',
  ),
  word.map((id) => `/api/v1/jobs/${id}`),
  fc
    .tuple(word, fc.constantFrom('output', 'cancel', 'redrive', 'nothing'))
    .map(([id, action]) => `/api/v1/jobs/${id}/${action}`),
);

const request: fc.Arbitrary<BadRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    path: fc.tuple(path, query).map(([before, after]) => before + after),
    contentType: fc.constantFrom(
      'application/json',
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      'x',
      '',
    ),
    key: fc.constantFrom(undefined, undefined, 'k1', 'k2', 'with blank', 'é'.repeat(3), 'x'.repeat(300)),
    body,
  })
  .map(({ method, path, contentType, key, body }) => ({
    method,
    path,
    headers: {
      ...(method === 'GET' || contentType === '' ? {} : { 'content-type': contentType }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: method === 'GET' ? undefined : body,
  }));

async function send({ method, path, headers, body }: BadRequest): Promise<number> {
  const response = await fetch(`${cluster.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(20_000),
  });
  await response.arrayBuffer();
  return response.status;
}

/** Memory of the store's process, in MB. */
async function residentMb(): Promise<number> {
  const pages = (await readFile(`/proc/${cluster.of('store')[0]?.pid}/statm`, 'utf8')).split(' ')[1];
  return (Number(pages) * 4096) / 1e6;
}

test('random bad requests meet no 5xx, and leave a store that works and has not grown', async () => {
  const requests = fc.sample(request, { numRuns: REQUESTS, seed: SEED });
  const failed: { status: number; request: BadRequest }[] = [];
  const statuses = new Map<number, number>();
  let next = 0;
  let warmMb = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (;;) {
        const index = next++;
        const one = requests[index];
        if (one === undefined) return;
        if (index === Math.floor(REQUESTS / 5)) warmMb = await residentMb();
        const status = await send(one);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500) failed.push({ status, request: one });
      }
    }),
  );
  expect(failed.slice(0, 5)).toEqual([]);
  expect(statuses.get(422)).toBeGreaterThan(REQUESTS / 50);
  expect(await residentMb()).toBeLessThan(warmMb * 1.5 + 50);

  const health = await fetch(`${cluster.url}/health/ready`);
  expect(health.status).toBe(200);
  expect(await readFile(cluster.of('store')[0]?.logPath ?? '', 'utf8')).not.toMatch(
    /unhandled|uncaught|request failed/,
  );
}, 600_000);
