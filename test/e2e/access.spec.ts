/** API keys from end to end: who comes in, what they may do, which queues they see, and what is written down of it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '#common/domain/access.js';
import { ROOT } from '#tools/root.js';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { makeKey as makeKeyAs, type KeyAnswer } from '../support/keys.js';

interface AuditAnswer {
  readonly entries: readonly {
    readonly key: string | null;
    readonly who: string;
    readonly action: string;
    readonly target: string;
    readonly outcome: string;
    readonly details: unknown;
  }[];
}

/** Revocation reaches every store within this, in milliseconds. */
const SECONDS = 5000;

let cluster: Cluster;
let first: ApiClient;
let second: ApiClient;
let admin: ApiClient;
let adminKey: string;
/** Every key that was ever seen here; none may appear in a log. */
const seen: string[] = [];

const urls = () => cluster.of('store').map(({ url }) => url);
const withKey = (key: string) => new ApiClient(urls().slice(0, 1), key);

beforeAll(async () => {
  cluster = await startCluster({ stores: 2, env: { LOG_LEVEL: 'debug' } });
  const [one = '', two = ''] = urls();
  first = new ApiClient([one]);
  second = new ApiClient([two]);
});
afterAll(() => cluster?.stop());

const print = (queue = 'default') => ({ type: 'print', payload: { text: 'x' }, delay: '1h', queue });
const command = { type: 'command', payload: { command: 'true' }, delay: '1h' };

async function makeKey(scopes: readonly Scope[], more: object = {}): Promise<KeyAnswer> {
  const made = await makeKeyAs(admin, scopes, more);
  seen.push(made.key);
  return made;
}
const client = async (scopes: readonly Scope[], more: object = {}) =>
  withKey((await makeKey(scopes, more)).key);

async function statusOf(api: ApiClient, method: string, path: string, body?: unknown): Promise<number> {
  return (await api.request(method, path, body)).status;
}

describe('before there is a key,', () => {
  test('a store on loopback is open, and the first key must be one that can make others', async () => {
    expect(await statusOf(first, 'POST', '/api/v1/jobs', print())).toBe(201);
    const useless = await first.request<ProblemAnswer>('POST', '/api/v1/keys', {
      name: 'useless',
      scopes: ['read'],
    });
    expect(useless.status).toBe(422);
    expect(useless.body.errors?.[0]?.field).toBe('scopes');
  });

  test('the first key ends open access at every store', async () => {
    const { body } = await first.request<KeyAnswer>('POST', '/api/v1/keys', {
      name: 'boss',
      scopes: ['admin'],
    });
    adminKey = body.key;
    seen.push(adminKey);
    admin = withKey(adminKey);
    expect(adminKey).toMatch(/^tv_[\w-]{43}$/);
    expect(await statusOf(first, 'GET', '/api/v1/jobs')).toBe(401);
    await eventually(async () => (await statusOf(second, 'GET', '/api/v1/jobs')) === 401, {
      within: SECONDS,
    });
    expect(await statusOf(admin, 'GET', '/api/v1/jobs')).toBe(200);
  });
});

describe('with keys,', () => {
  test('health is open; documents, metrics and all else want read', async () => {
    const reader = await client(['read']);
    const submitter = await client(['submit']);
    for (const path of ['/health/live', '/health/ready'])
      expect((await fetch(urls()[0] + path)).status).toBe(200);
    for (const path of ['/openapi.json', '/docs', '/metrics', '/api/v1/types']) {
      const get = (key?: string) =>
        fetch(`${urls()[0]}${path}`, { headers: key === undefined ? {} : { 'x-api-key': key } });
      const [without, wrong, right] = await Promise.all([get(), get(seen.at(-1)), get(seen.at(-2))]);
      expect([path, without.status, wrong.status, right.status]).toEqual([path, 401, 403, 200]);
      expect(without.headers.get('www-authenticate')).toContain('Bearer');
      expect(without.headers.get('content-type')).toContain('application/problem+json');
    }
    expect(await statusOf(reader, 'POST', '/api/v1/jobs', print())).toBe(403);
    expect(await statusOf(submitter, 'POST', '/api/v1/jobs', print())).toBe(201);
  });

  test('commands need their own scope, whichever way they come', async () => {
    const submitter = await client(['submit']);
    const commander = await client(['submit:command']);
    const schedule = (job: object) => ({ name: `s${Math.random()}`, cron: '@yearly', job });
    const { delay: _delay, ...template } = command;
    const ways = [
      ['/api/v1/jobs', command],
      ['/api/v1/jobs/batch?atomic=true', { jobs: [print(), command] }],
      ['/api/v1/schedules', schedule(template)],
      ['/api/v1/workflows', { jobs: [{ name: 'a', ...template }] }],
    ] as const;
    for (const [path, body] of ways) {
      const refused = await submitter.request<ProblemAnswer>('POST', path, body);
      expect([path, refused.status]).toEqual([path, 403]);
      expect(refused.body.detail).toContain('submit:command');
      expect([path, (await statusOf(commander, 'POST', path, body)) < 300]).toEqual([path, true]);
    }
    const batch = await submitter.request<{ results: { error?: { kind: string } }[] }>(
      'POST',
      '/api/v1/jobs/batch',
      { jobs: [print(), command] },
    );
    expect(batch.body.results.map(({ error }) => error?.kind)).toEqual([undefined, 'forbidden']);
    const name = `put${Date.now()}`;
    const { name: _name, ...definition } = schedule(template);
    expect(await statusOf(submitter, 'PUT', `/api/v1/schedules/${name}`, definition)).toBe(403);
    expect(await statusOf(commander, 'PUT', `/api/v1/schedules/${name}`, definition)).toBe(201);
    // To change what is there is to operate, and an operator may not turn a harmless schedule into a command.
    const changed = { ...definition, cron: '@daily' };
    expect(await statusOf(commander, 'PUT', `/api/v1/schedules/${name}`, changed)).toBe(403);
    const operator = await client(['operate', 'submit']);
    expect(await statusOf(operator, 'PUT', `/api/v1/schedules/${name}`, changed)).toBe(403);
    expect(await statusOf(operator, 'PATCH', `/api/v1/schedules/${name}`, { cron: '@daily' })).toBe(403);
    expect(await statusOf(operator, 'POST', `/api/v1/schedules/${name}/pause`)).toBe(200);
  });

  test('a job says which key submitted it', async () => {
    const { id, key } = await makeKey(['submit', 'read']);
    const api = withKey(key);
    const one = await api.submit(print());
    const keyed = await api.request<JobAnswer>('POST', '/api/v1/jobs', print(), {
      'idempotency-key': 'once',
    });
    const unique = await api.submit({ ...print(), uniqueKey: 'created-by' });
    for (const job of [one, keyed.body, unique])
      expect(await api.get(job.id)).toMatchObject({ createdBy: id });
    expect(await admin.submit(print())).not.toMatchObject({ createdBy: id });
  });
});

describe('an Idempotency-Key', () => {
  const job = print();
  test.each<[string, string, object, (answer: never) => string]>([
    ['a job', '/api/v1/jobs', job, ({ id }: JobAnswer) => id],
    [
      'a task',
      '/tasks',
      { type: 'print', data: { text: 'x' } },
      ({ task_id: id }: { task_id: string }) => id,
    ],
    ['a workflow', '/api/v1/workflows', { jobs: [job] }, ({ id }: JobAnswer) => id],
    ...['false', 'true'].map((atomic): [string, string, object, (answer: never) => string] => [
      `a batch, atomic=${atomic}`,
      `/api/v1/jobs/batch?atomic=${atomic}`,
      { jobs: [job] },
      ({ results }: { results: [JobAnswer] }) => results[0].id,
    ]),
  ])('is its caller’s own: nobody else is answered with %s that it made', async (_what, path, body, idIn) => {
    const headers = { 'idempotency-key': `of-two-callers-${path}` };
    const submitAs = async (api: ApiClient) => {
      const { status, body: answer } = await api.request<never>('POST', path, body, headers);
      expect([200, 201]).toContain(status);
      return idIn(answer);
    };
    const [one, other] = [await client(['submit']), await client(['submit'])];
    const id = await submitAs(one);
    expect(await submitAs(one)).toBe(id);
    expect(await submitAs(other)).not.toBe(id);
  });
});

describe('a key that is limited to some queues', () => {
  const everything: readonly Scope[] = ['read', 'submit', 'operate'];

  test('submits to those, and is told which when it tries another', async () => {
    const limited = await client(everything, { queues: ['team-a.*'] });
    await limited.submit(print('team-a.mail'));
    const refused = await limited.request<ProblemAnswer>('POST', '/api/v1/jobs', print('team-b'));
    expect(refused.status).toBe(403);
    expect(refused.body.detail).toContain('team-b');
    expect(refused.body.errors?.[0]?.field).toBe('queue');
  });

  test('sees and touches only what is in them', async () => {
    const limited = await client(everything, { queues: ['team-a.*'] });
    const mine = await limited.submit(print('team-a.mail'));
    const other = await admin.submit(print('team-b'));
    const ids = (await limited.all()).map(({ id }) => id);
    expect(ids).toContain(mine.id);
    expect(ids).not.toContain(other.id);
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/output'],
      ['GET', '/why'],
      ['POST', '/cancel'],
      ['POST', '/redrive'],
    ] as const) {
      expect([path, await statusOf(limited, method, `/api/v1/jobs/${other.id}${path}`)]).toEqual([path, 403]);
    }
    expect((await admin.get(other.id)).state).toBe('scheduled');
    expect(await statusOf(limited, 'POST', `/api/v1/jobs/${mine.id}/cancel`)).toBe(200);
  });

  test('is not told what a job waits for that is elsewhere', async () => {
    const limited = await client(everything, { queues: ['team-a.*'] });
    const { body: workflow } = await admin.request<{ id: string }>('POST', '/api/v1/workflows', {
      jobs: [
        { ...print('team-b'), name: 'secret' },
        { type: 'print', payload: { text: 'x' }, queue: 'team-a.x', name: 'child', dependsOn: ['secret'] },
      ],
    });
    const { body } = await limited.request<{ jobs: JobAnswer[] }>(
      'GET',
      `/api/v1/jobs?q=workflow:${workflow.id}`,
    );
    expect(body.jobs).toHaveLength(1);
    const why = (by: ApiClient) => by.request<object>('GET', `/api/v1/jobs/${body.jobs[0]?.id}/why`);
    expect(JSON.stringify((await why(admin)).body)).toContain('secret');
    const told = await why(limited);
    expect(told.body).toMatchObject({ reason: 'blocked', facts: { waitsFor: 1, parents: [] } });
    expect(JSON.stringify(told.body)).not.toContain('secret');
  });

  test('neither learns of nor replaces a job of another queue by its uniqueKey', async () => {
    const limited = await client(everything, { queues: ['team-a.*'] });
    const other = await admin.submit({ ...print('team-b'), uniqueKey: 'theirs' });
    for (const uniquePolicy of ['reject', 'return-existing', 'replace']) {
      const request = { ...print('team-a.x'), uniqueKey: 'theirs', uniquePolicy };
      const { status, body } = await limited.request<ProblemAnswer>('POST', '/api/v1/jobs', request);
      expect([uniquePolicy, status]).toEqual([uniquePolicy, 409]);
      expect(JSON.stringify(body)).not.toContain(other.id);
    }
    expect((await admin.get(other.id)).state).toBe('scheduled');
  });

  test('is not answered with a job elsewhere that another key was answered with', async () => {
    await admin.submit({ ...print('team-b'), uniqueKey: 'shared' });
    const request = { ...print('team-a.x'), uniqueKey: 'shared', uniquePolicy: 'return-existing' };
    const both = await client(['submit'], { queues: ['team-*'] });
    const limited = await client(['submit'], { queues: ['team-a.*'] });
    const idempotencyKey = { 'idempotency-key': 'guessed' };
    expect((await both.request('POST', '/api/v1/jobs', request, idempotencyKey)).status).toBe(200);
    expect((await limited.request('POST', '/api/v1/jobs', request, idempotencyKey)).status).toBe(409);
  });

  test('sees the schedules, workflows and dead jobs of them only', async () => {
    const limited = await client(everything, { queues: ['team-a.*'] });
    const job = (queue: string) => ({ type: 'print', payload: { text: 'x' }, queue });
    for (const queue of ['team-a.s', 'team-b'])
      expect(
        await statusOf(admin, 'POST', '/api/v1/schedules', {
          name: `of-${queue}`,
          cron: '@yearly',
          job: job(queue),
        }),
      ).toBe(201);
    const schedules = await limited.request<{ schedules: { name: string }[] }>('GET', '/api/v1/schedules');
    expect(schedules.body.schedules.map(({ name }) => name)).toEqual(['of-team-a.s']);
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/preview'],
      ['GET', '/occurrences'],
      ['POST', '/run'],
      ['POST', '/pause'],
      ['DELETE', ''],
    ] as const)
      expect([path, await statusOf(limited, method, `/api/v1/schedules/of-team-b${path}`)]).toEqual([
        path,
        403,
      ]);

    const workflow = (queues: readonly string[]) =>
      admin.request<{ id: string }>('POST', '/api/v1/workflows', {
        jobs: queues.map((queue, index) => ({ name: `j${index}`, ...job(queue), delay: '1h' })),
      });
    const inside = await workflow(['team-a.x', 'team-a.y']);
    const mixed = await workflow(['team-a.x', 'team-b']);
    const listed = await limited.request<{ workflows: { id: string }[] }>('GET', '/api/v1/workflows');
    expect(listed.body.workflows.map(({ id }) => id)).toEqual([inside.body.id]);
    expect(await statusOf(limited, 'GET', `/api/v1/workflows/${mixed.body.id}`)).toBe(403);
    expect(await statusOf(limited, 'POST', `/api/v1/workflows/${mixed.body.id}/cancel`)).toBe(403);

    const fails = (queue: string) =>
      admin.submit({ type: 'command', payload: { command: 'exit 7' }, maxAttempts: 1, queue });
    const dead = await Promise.all([fails('team-a.d'), fails('team-b')]);
    for (const { id } of dead) await admin.waitFor(id, ['dead']);
    const purged = await limited.request('POST', '/api/v1/dead-letters/purge', { all: true });
    expect(purged.body).toEqual({ matched: 1, purged: 1 });
    expect((await admin.get(dead[1]?.id ?? '')).state).toBe('dead');
  });

  test('leases from the queues that it names, if they are its own, and changes no job types', async () => {
    await admin.request('PUT', '/api/v1/types/word-count', {});
    const limited = await client(everything, { queues: ['team-a.*'] });
    const lease = (queues?: string[]) =>
      statusOf(limited, 'POST', '/api/v1/leases', {
        types: ['word-count'],
        worker: 'w',
        ...(queues && { queues }),
      });
    expect([await lease(), await lease(['team-b']), await lease(['team-a.x'])]).toEqual([422, 403, 200]);
    expect(await statusOf(limited, 'PUT', '/api/v1/types/word-count', {})).toBe(403);
  });

  test('cannot be one with the scope admin', async () => {
    const body = { name: 'x', scopes: ['admin'], queues: ['team-a.*'] };
    expect(await statusOf(admin, 'POST', '/api/v1/keys', body)).toBe(422);
  });
});

describe('a key ends', () => {
  test('at every store within seconds when it is revoked', async () => {
    const { id, key } = await makeKey(['read']);
    const clients = urls().map((url) => new ApiClient([url], key));
    const statuses = () => Promise.all(clients.map((each) => statusOf(each, 'GET', '/api/v1/jobs')));
    await eventually(async () => (await statuses()).every((status) => status === 200), { within: SECONDS });
    expect(await statusOf(admin, 'DELETE', `/api/v1/keys/${id}`)).toBe(200);
    await eventually(async () => (await statuses()).every((status) => status === 401), { within: SECONDS });
    expect(await statusOf(admin, 'DELETE', `/api/v1/keys/${id}`)).toBe(200);
  });

  test('when its time has come, without anybody doing anything', async () => {
    const api = await client(['read'], { expiresIn: '2s' });
    expect(await statusOf(api, 'GET', '/api/v1/jobs')).toBe(200);
    await eventually(async () => (await statusOf(api, 'GET', '/api/v1/jobs')) === 401, { within: SECONDS });
  });
});

describe('what lasts', () => {
  /** A stream of events, as text that grows until the store ends it. */
  async function listen(key: string, path = '/api/v1/events') {
    const response = await fetch(`${urls()[0]}${path}`, { headers: { authorization: `Bearer ${key}` } });
    const heard = { text: '', ended: false };
    const read = async () => {
      for await (const chunk of response.body ?? []) heard.text += Buffer.from(chunk).toString();
      heard.ended = true;
    };
    void read().catch(() => (heard.ended = true));
    return { response, heard };
  }

  test('a stream of events tells of the queues of its key only, and ends with the key', async () => {
    const { id, key } = await makeKey(['read'], { queues: ['team-a.*'] });
    const { response, heard } = await listen(key);
    expect(response.status).toBe(200);
    await eventually(() => heard.text.includes('event: listening'));
    const hidden = await admin.submit(print('team-b'));
    const shown = await admin.submit(print('team-a.events'));
    await eventually(() => heard.text.includes(shown.id), { within: SECONDS });
    expect(heard.text).not.toContain(hidden.id);
    expect(await statusOf(withKey(key), 'GET', '/api/v1/events?queue=team-b')).toBe(403);
    expect(await statusOf(withKey(key), 'GET', `/api/v1/jobs/${hidden.id}/events`)).toBe(403);
    expect(await statusOf(withKey(key), 'GET', `/api/v1/jobs/${hidden.id}/output?follow=true`)).toBe(403);
    await admin.request('DELETE', `/api/v1/keys/${id}`);
    await eventually(() => heard.ended, { within: SECONDS });
    expect((await listen(key)).response.status).toBe(401);
  });
});

test('a queue beyond the key is neither listed nor changed', async () => {
  const limited = await client(['read', 'operate'], { queues: ['team-a.*'] });
  for (const name of ['team-a.q', 'team-b'])
    await admin.request('PUT', `/api/v1/queues/${name}`, { concurrency: 5 });
  const { body } = await limited.request<{ queues: { name: string }[] }>('GET', '/api/v1/queues');
  expect(body.queues.every(({ name }) => name.startsWith('team-a.'))).toBe(true);
  expect(body.queues.map(({ name }) => name)).toContain('team-a.q');
  for (const [method, path] of [
    ['GET', ''],
    ['PUT', ''],
    ['POST', '/pause'],
    ['DELETE', ''],
  ] as const) {
    const settings = method === 'PUT' ? { concurrency: 1 } : undefined;
    expect([method, await statusOf(limited, method, `/api/v1/queues/team-b${path}`, settings)]).toEqual([
      method,
      403,
    ]);
  }
  expect(await statusOf(limited, 'POST', '/api/v1/queues/team-a.q/pause')).toBe(200);
});

describe('what is written down', () => {
  const audit = async (query: string) =>
    (await admin.request<AuditAnswer>('GET', `/api/v1/audit?${query}`)).body.entries;

  test('tells who changed what, and how it ended; not who only looked or submitted', async () => {
    const { id: key, key: text } = await makeKey(['read', 'submit', 'operate']);
    const api = withKey(text);
    const job = await api.submit(print());
    await api.get(job.id);
    await api.request('POST', `/api/v1/jobs/${job.id}/cancel`);
    await api.request('POST', `/api/v1/jobs/${job.id}/cancel`);
    await api.request('POST', '/api/v1/dead-letters/purge', { queue: 'nowhere', dryRun: true });
    const schedule = { name: 'audited', cron: '@yearly', job: { type: 'print', payload: { text: 'x' } } };
    expect(await statusOf(api, 'POST', '/api/v1/schedules', schedule)).toBe(201);
    const entries = await eventually(async () => {
      const found = await audit(`key=${key}`);
      expect(found).toHaveLength(4);
      return found;
    });
    const target = `/api/v1/jobs/${job.id}/cancel`;
    expect(entries.toReversed()).toMatchObject([
      { who: 'read+submit+operate', action: 'cancelJob', target, outcome: 'ok', details: null },
      { action: 'cancelJob', target, outcome: 'conflict' },
      {
        action: 'purgeDeadLetters',
        outcome: 'ok',
        details: { matched: 0, request: { queue: 'nowhere', dryRun: true } },
      },
      { action: 'createSchedule', outcome: 'ok', details: { name: 'audited' } },
    ]);
  });

  test('names the keys that were made and revoked, and what happened while the API was open', async () => {
    const made = await eventually(async () => {
      const found = await audit('action=createKey&limit=200');
      expect(found.some(({ who }) => who === 'open access')).toBe(true);
      return found;
    });
    expect(made[0]?.who).toBe('boss');
    expect((await audit('action=revokeKey'))[0]).toMatchObject({ who: 'boss', details: { name: 'read' } });
  });

  test('is for admins alone, and so are the keys', async () => {
    const others = await client(['read', 'submit:command', 'operate']);
    for (const path of ['/api/v1/audit', '/api/v1/keys'])
      expect(await statusOf(others, 'GET', path)).toBe(403);
  });

  test('is when a key was last used', async () => {
    const { id, key } = await makeKey(['read']);
    await withKey(key).request('GET', '/api/v1/jobs');
    await eventually(async () => {
      const { body } = await admin.request<{ keys: KeyAnswer[] }>('GET', '/api/v1/keys');
      return body.keys.some((each) => each.id === id && each.lastUsedAt !== null);
    });
  });
});

test('a key with a rate is told of it, and beyond it when to come back', async () => {
  const api = await client(['read'], { rate: '3/h' });
  const answers = [];
  for (let i = 0; i < 4; i += 1)
    answers.push(await api.request<ProblemAnswer>('GET', '/api/v1/jobs?limit=1'));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
  const [one, , , last] = answers;
  expect(one?.headers.get('ratelimit-policy')).toBe('"key";q=3;w=3600');
  expect(one?.headers.get('ratelimit')).toMatch(/^"key";r=2;t=1200$/);
  expect(last?.headers.get('ratelimit')).toMatch(/^"key";r=0;t=3[56]\d\d$/);
  expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(1000);
});

describe('the command line', () => {
  const CLI = join(ROOT, 'dist', 'apps', 'cli', 'src', 'main.js');
  function triumvir(args: readonly string[], key: string | undefined) {
    return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], STORE_SERVICE_URL: urls()[0], TRIUMVIR_API_KEY: key };
      const child = spawn(process.execPath, [CLI, ...args], { env });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  test('makes a key, uses it, lists and revokes it; without one it ends with 4', async () => {
    const made = await triumvir(['key', 'create', '--name', 'ci', '--scope', 'read', 'submit'], adminKey);
    const key = made.stdout.trim();
    seen.push(key);
    expect([made.code, key]).toEqual([0, expect.stringMatching(/^tv_[\w-]{43}$/)]);
    expect((await triumvir(['list'], key)).code).toBe(0);
    const without = await triumvir(['list'], undefined);
    expect([without.code, without.stderr]).toEqual([4, expect.stringContaining('TRIUMVIR_API_KEY')]);
    expect((await triumvir(['key', 'list'], key)).code).toBe(4);
    const listed = await triumvir(['key', 'list', '-o', 'json'], adminKey);
    const { id = '' } =
      (JSON.parse(listed.stdout) as { id: string; name: string }[]).find(({ name }) => name === 'ci') ?? {};
    expect((await triumvir(['key', 'revoke', id], adminKey)).code).toBe(0);
    expect((await triumvir(['list'], key)).code).toBe(4);
    const audited = await triumvir(['audit', '--action', 'revokeKey', '-o', 'jsonl'], adminKey);
    expect(audited.code).toBe(0);
  });
});

test('no log and no answer of the whole run holds a key', async () => {
  const logs = cluster.services.map(({ logPath }) => readFileSync(logPath, 'utf8')).join('\n');
  expect(logs.length).toBeGreaterThan(1000);
  expect(seen.length).toBeGreaterThan(10);
  expect(seen.filter((key) => logs.includes(key))).toEqual([]);
  const { body } = await admin.request('GET', '/api/v1/keys?all=true');
  const shown = JSON.stringify([body, (await admin.request('GET', '/api/v1/audit?limit=200')).body]);
  expect(seen.filter((key) => shown.includes(key))).toEqual([]);
});
