/** Random requests for the operations of openapi.json: every part of them valid, nearly valid, or wild. */
import fc from 'fast-check';
import type { Described } from './described-api.js';
import { DRAINED_QUEUE } from './fuzzing.js';
import { nasty, nastyText } from './nasty-values.js';
import { searchQuery } from './query-arbitrary.js';
import { placeholder, SchemaMaker, type Pool, type Schema } from './schema-arbitrary.js';

export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** A type that workers run here. */
export const WORKER_TYPE = 'fuzzed';

const payload = fc.oneof(
  fc.constantFrom({ command: 'true' }, { command: 'exit 1' }, { command: 'echo x', env: { A: 'b' } }),
  fc.string({ maxLength: 20 }).map((text) => ({ text })),
  nasty,
);

/** Where a schema takes any text, these are what means something. */
const NAMED: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  type: fc.constantFrom('print', 'print', 'command', WORKER_TYPE, 'nobody'),
  types: fc.constant([WORKER_TYPE]),
  queue: fc.constantFrom(DRAINED_QUEUE, 'default', 'other', 'q.1'),
  payload,
  data: payload,
  command: fc.constantFrom('true', 'exit 1', 'echo x'),
  wait: fc.constantFrom(0, 1, '5ms', '20ms'),
  cron: fc.constantFrom('* * * * *', '0 0 29 2 *', '@daily', '*/5 * * * * *', '0 0 31 2 *', '61 * * * *', ''),
  timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Nowhere/Land'),
  cursor: placeholder('cursor'),
  q: searchQuery,
  task_id: placeholder('id'),
  workflow: placeholder('workflow'),
  'If-Match': fc.oneof(placeholder('etag'), fc.constantFrom('*', '"x"', 'x')),
  'Last-Event-ID': fc.oneof(placeholder('event'), nastyText),
  'Idempotency-Key': fc.constantFrom('k1', 'k2', 'k3', 'k4'),
};
const DEPENDENCIES = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 });

const KINDS_OF_NAMES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  schedules: fc.constantFrom(...Array.from({ length: 20 }, (_, n) => `schedule-${n}`)),
  queues: fc.constantFrom(DRAINED_QUEUE, 'default', 'other', 'q.1'),
  types: fc.constantFrom(WORKER_TYPE, WORKER_TYPE, 'print', 'another'),
};

/** Names of an answer's fields whose values later requests may name. */
export function learn(pool: Pool, path: string, answer: unknown): void {
  if (path.startsWith('/api/v1/keys')) {
    // Only those that were made here: without the key of the test itself nothing else would be learnt.
    const { id, key } = (answer ?? {}) as { id?: string; key?: string };
    if (id !== undefined && key !== undefined) pool.add('key', id);
    return;
  }
  const id = path.startsWith('/api/v1/workflows') ? 'workflow' : 'id';
  pool.learn(answer, { id, jobId: 'id', task_id: 'id', workflowId: 'workflow', nextCursor: 'cursor' });
  const { leases = [] } = (answer ?? {}) as { leases?: { leaseToken: string; job: { id: string } }[] };
  // Always together, so that the same number leads to a job and to its token.
  for (const { leaseToken, job } of leases) {
    pool.add('leased', job.id);
    pool.add('token', leaseToken);
  }
}

/** What the schemas do not tell: one time and one rule of recurrence, names that are unique, parents that are there. */
function tidy(object: Record<string, unknown>): Record<string, unknown> {
  const untidy = [
    ...(object['cron'] != null ? ['every'] : ['gap', 'fold']),
    ...(object['runAt'] != null ? ['delay'] : []),
    ...(object['uniqueKey'] == null ? ['uniquePolicy'] : []),
    ...(object['start'] != null ? ['end'] : []),
  ];
  const tidied = Object.fromEntries(Object.entries(object).filter(([key]) => !untidy.includes(key)));
  if ('job' in tidied && tidied['cron'] == null && tidied['every'] == null) tidied['every'] = '1h';
  const { jobs } = tidied;
  return Array.isArray(jobs) ? { ...tidied, jobs: jobs.map(named) } : tidied;
}

/** The nth job of a workflow. */
function named(job: unknown, nth: number): unknown {
  if (typeof job !== 'object' || job === null || !('name' in job || 'dependsOn' in job)) return job;
  const names = ['a', 'b', 'c', 'd'];
  const dependsOn = 'dependsOn' in job && Array.isArray(job.dependsOn) ? job.dependsOn : [];
  const earlier = new Set(dependsOn.filter((name: unknown) => names.indexOf(String(name)) < nth));
  return { ...job, name: names[nth] ?? 'e', dependsOn: [...earlier] };
}

type Care = 'valid' | 'sloppy' | 'wild';

function parameterOf(path: string, name: string, nth: number): fc.Arbitrary<string> {
  if (path.startsWith('/api/v1/leases/')) return fc.constant(`@@leased:${nth}@@`);
  if (path.startsWith('/api/v1/workflows/')) return placeholder('workflow');
  if (path.startsWith('/api/v1/keys/')) return placeholder('key');
  return name === 'name'
    ? (KINDS_OF_NAMES[path.split('/')[3] ?? ''] ?? placeholder('id'))
    : placeholder('id');
}

/** A path segment, or a value in a query, with everything encoded but the placeholders. */
const encoded = (value: unknown) =>
  encodeURIComponent((typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed())
    .replaceAll('%40', '@')
    .replaceAll('%3A', ':');
/** Longer headers are refused by Node, before anything of ours sees them. */
const asHeader = (value: unknown) =>
  String(value)
    .slice(0, 3000)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .trim();

/** Requests for one operation. */
export function requestsFor(operation: Described, document: Schema): fc.Arbitrary<FuzzedRequest> {
  return fc
    .tuple(fc.constantFrom<Care>('valid', 'valid', 'sloppy', 'sloppy', 'sloppy', 'wild'), fc.nat(199))
    .chain(([care, nth]) => requestWith(operation, document, care, nth));
}

function requestWith(
  { method, path, parameters, bodies }: Described,
  document: Schema,
  care: Care,
  nth: number,
): fc.Arbitrary<FuzzedRequest> {
  const fields = {
    ...NAMED,
    dependsOn: DEPENDENCIES,
    leaseToken: fc.constant(`@@token:${nth}@@`),
    actions: fc.array(leaseAction, { minLength: 1, maxLength: 3 }),
    ...(path.includes('workflows') && { name: fc.constantFrom('a', 'b', 'c', 'd') }),
    ...(path.includes('schedules') && { name: KINDS_OF_NAMES['schedules'] ?? nasty }),
  };
  const maker = new SchemaMaker({ document, named: fields, tidy }, care === 'sloppy');
  const make = (schema: Schema, name = '') => (care === 'wild' ? nasty : maker.value(schema, name));
  const given = (place: string) => {
    const there = parameters.filter((parameter) => parameter.in === place);
    return fc.record(Object.fromEntries(there.map(({ name, schema }) => [name, make(schema, name)])), {
      requiredKeys: [],
    });
  };
  const segments = Object.fromEntries(
    parameters
      .filter((parameter) => parameter.in === 'path')
      .map(({ name }) => {
        const right = parameterOf(path, name, nth);
        const wrong = nasty.map((value) => encoded(value).slice(0, 3000));
        return [
          name,
          care === 'valid'
            ? right
            : fc.oneof({ weight: 8, arbitrary: right }, { weight: 1, arbitrary: wrong }),
        ];
      }),
  );
  const medias = Object.entries(bodies).map(([mediaType, { schema }]) => ({
    mediaType,
    text: bodyText(mediaType, schema, make),
  }));
  const body =
    medias.length === 0
      ? fc.constant(undefined)
      : fc.oneof(...medias.map(({ mediaType, text }) => text.map((content) => ({ mediaType, content }))));
  return fc
    .record({ segments: fc.record(segments), query: given('query'), headers: given('header'), body })
    .map((parts) => ({
      method,
      path:
        path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => String(parts.segments[name])) +
        queryText(parts.query),
      headers: {
        ...Object.fromEntries(Object.entries(parts.headers).map(([name, value]) => [name, asHeader(value)])),
        ...(parts.body && { 'content-type': parts.body.mediaType }),
      },
      body: parts.body?.content,
    }));
}

const leaseAction = fc.nat(199).chain((nth) =>
  fc.record(
    {
      action: fc.constantFrom(
        'heartbeat',
        'output',
        'complete',
        'fail',
        'snooze',
        'release',
        'cancelled',
        'explode',
      ),
      jobId: fc.constant(`@@leased:${nth}@@`),
      leaseToken: fc.constant(`@@token:${nth}@@`),
      result: nasty,
      delay: fc.constantFrom(0, '1s', -1),
      output: fc.array(fc.record({ text: nasty }), { maxLength: 2 }),
      error: fc.record({ message: nastyText }),
    },
    { requiredKeys: ['action', 'jobId', 'leaseToken'] },
  ),
);

function bodyText(
  mediaType: string,
  schema: Schema,
  make: (schema: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<string> {
  // The other media types are JSON too, under another name, or a JSON text a line.
  const ofJob = { $ref: '#/components/schemas/NewJob' };
  const ofCommand = { $ref: '#/components/schemas/ScheduleCommand' };
  switch (mediaType) {
    case 'application/x-ndjson':
      return fc
        .array(make(ofJob), { maxLength: 4 })
        .map((jobs) => jobs.map((job) => JSON.stringify(job)).join('\n'));
    case 'application/x-www-form-urlencoded':
      return make(ofCommand).map((value) => JSON.stringify(value));
    default:
      return make(schema).map((value) => JSON.stringify(value) ?? '');
  }
}

function queryText(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${name}=${encoded(Array.isArray(value) ? value.join(',') : value).slice(0, 3000)}`,
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Requests for no operation in particular: other paths, methods and media types, and bodies that are no JSON. */
export const strayRequests: fc.Arbitrary<FuzzedRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'),
    path: fc.oneof(
      fc.constantFrom(
        '/',
        '//',
        '/%zz',
        '/api/v1',
        '/api/v1/jobs',
        '/api/v1/jobs/',
        '/tasks',
        '/schedule',
        '/metrics',
      ),
      nastyText.map((text) => `/api/v1/${encoded(text).slice(0, 3000)}`),
      fc
        .tuple(placeholder('id'), nastyText)
        .map(([id, text]) => `/api/v1/jobs/${id}/${encoded(text).slice(0, 3000)}`),
    ),
    mediaType: fc.constantFrom('application/json', 'text/plain', 'application/x-ndjson', 'x', ''),
    key: fc.constantFrom(undefined, 'k1', 'with blank', 'x'.repeat(300)),
    body: fc.oneof(
      fc.constantFrom(
        '['.repeat(20_000),
        '{"a":'.repeat(5000),
        '{"type":"print","type":7}',
        '',
        '{',
        '"',
        '\ufeff{}',
      ),
      fc.string({ unit: 'binary', maxLength: 200 }),
      nasty.map((value) => JSON.stringify(value)),
    ),
  })
  .map(({ method, path, mediaType, key, body }) => {
    const hasBody = method !== 'GET' && method !== 'HEAD';
    return {
      method,
      path,
      headers: {
        ...(hasBody && mediaType !== '' && { 'content-type': mediaType }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      body: hasBody ? body : undefined,
    };
  });
