/** The interface of the Flask task queue, used as its document says: health, tasks, statistics; an e-mail that is sent. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { testServers } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';

interface Task {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly status: string;
  readonly created_at: string;
  readonly updated_at?: string;
  readonly result?: unknown;
}

interface Created {
  readonly task_id: string;
  readonly status: string;
  readonly message: string;
}

const EMAIL = {
  subject: 'Test Email',
  recipient: 'someone@example.org',
  content: 'The contents of the e-mail',
};

/** The document's new type, as a handler. */
const VIDEO_TRANSCODE = `export default {
  type: 'video_transcode',
  payload: { type: 'object', properties: { format: { type: 'string' } } },
  run: async ({ format = 'mp4' }) => \`Video transcoded to \${format}\`,
};`;

const received: string[] = [];
const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData: (stream, _session, done) => {
    let text = '';
    stream.on('data', (piece: Buffer) => (text += piece.toString()));
    stream.on('end', () => {
      received.push(text);
      done();
    });
  },
});

let cluster: Cluster;
let api: ApiClient;
let redis: TcpProxy;
let handlers: string;

beforeAll(async () => {
  handlers = await mkdtemp(join(tmpdir(), 'triumvir-tasks-'));
  await writeFile(join(handlers, 'video_transcode.handler.mjs'), VIDEO_TRANSCODE);
  const redisUrl = new URL(testServers().redisUrl);
  redis = await TcpProxy.to(Number(redisUrl.port));
  redisUrl.port = String(redis.port);
  const listening = smtp.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  cluster = await startCluster({
    env: {
      EXECUTOR_HANDLERS: handlers,
      EXECUTOR_SMTP_URL: `smtp://127.0.0.1:${port}`,
      EXECUTOR_SMTP_FROM: 'queue@example.org',
      REDIS_URL: redisUrl.href,
    },
  });
  api = new ApiClient([cluster.url]);
});

afterAll(async () => {
  await cluster?.stop();
  await redis?.close();
  smtp.close();
  await rm(handlers, { recursive: true, force: true });
});

const post = (body: unknown) => api.request<{ error: string } & Created>('POST', '/tasks', body);
const task = async (id: string) => (await api.request<Task>('GET', `/tasks/${id}`)).body;

async function create(type: string, data?: unknown): Promise<string> {
  const { status, body } = await post({ type, data });
  expect(status).toBe(201);
  return body.task_id;
}

function inStatus(id: string, status: string): Promise<Task> {
  return eventually(async () => {
    const answer = await task(id);
    expect(answer.status).toBe(status);
    return answer;
  });
}

test('an e-mail is queued, sent and completed', async () => {
  const { status, body } = await post({ type: 'email', data: EMAIL });
  expect(status).toBe(201);
  expect(body).toEqual({
    task_id: expect.any(String),
    status: 'queued',
    message: 'Task created successfully',
  });
  const done = await inStatus(body.task_id, 'completed');
  expect(done).toEqual({
    id: body.task_id,
    type: 'email',
    data: EMAIL,
    status: 'completed',
    created_at: expect.any(String),
    updated_at: expect.any(String),
    result: expect.objectContaining({ accepted: [EMAIL.recipient] }),
  });
  const [message = ''] = received;
  expect(message).toContain(`To: ${EMAIL.recipient}`);
  expect(message).toContain(`Subject: ${EMAIL.subject}`);
  expect(message).toContain(EMAIL.content);
});

test('an e-mail without a subject is sent without one, and shows none', async () => {
  const data = { recipient: EMAIL.recipient, content: 'There is no subject' };
  const done = await inStatus(await create('email', data), 'completed');
  expect(done.data).toEqual(data);
  const message = received.find((text) => text.includes(data.content));
  expect(message).toContain(`To: ${EMAIL.recipient}`);
  expect(message).not.toMatch(/^Subject:/m);
});

test('a task of another type is a job of that type, with its data as payload', async () => {
  const id = await create('command', { command: 'exit 0' });
  expect(await inStatus(id, 'completed')).toMatchObject({ type: 'command', data: { command: 'exit 0' } });
  expect(await api.get(id)).toMatchObject({ type: 'command', payload: { command: 'exit 0' } });
});

test('a type is added with a handler in a folder, and what that returns is the result', async () => {
  const id = await create('video_transcode', { format: 'webm' });
  expect(await inStatus(id, 'completed')).toMatchObject({
    type: 'video_transcode',
    data: { format: 'webm' },
    result: 'Video transcoded to webm',
  });
});

test('a task is queued, then processing, and one that fails for good has failed, with the reason', async () => {
  const later = await api.submit({ type: 'print', payload: { text: 'x' }, delay: '1h' });
  const waiting = await task(later.id);
  expect(waiting.status).toBe('queued');
  expect(Object.keys(waiting)).toEqual(['id', 'type', 'data', 'status', 'created_at']);
  const slow = await create('command', { command: 'sleep 60' });
  expect(await inStatus(slow, 'processing')).toHaveProperty('updated_at');
  await api.request('POST', `/api/v1/jobs/${slow}/cancel`);
  await inStatus(slow, 'failed');
  const { id } = await api.submit({ type: 'command', payload: { command: 'exit 7' }, maxAttempts: 1 });
  expect(await inStatus(id, 'failed')).toMatchObject({ result: 'exit code 7' });
});

test('the list has every task as it is when looked up, and counts them', async () => {
  const waiting = await api.submit({ type: 'print', payload: { text: 'one' }, delay: '1h' });
  const one = await task(waiting.id);
  expect(one).toMatchObject({ id: waiting.id, type: 'print', data: { text: 'one' }, status: 'queued' });
  const two = await inStatus(await create('email', EMAIL), 'completed');
  expect(two).toMatchObject({ type: 'email', data: EMAIL, result: { accepted: [EMAIL.recipient] } });
  const { body } = await api.request<{ tasks: Task[]; count: number }>('GET', '/tasks');
  expect(body.count).toBe(body.tasks.length);
  expect(body.tasks).toEqual(expect.arrayContaining([one, two]));
});

test('the statistics count what waits and what there is', async () => {
  const stats = async () =>
    (await api.request<{ queue_length: number; total_tasks: number }>('GET', '/queue/stats')).body;
  await eventually(async () => {
    const before = await stats();
    await api.submit({ type: 'print', payload: { text: 'x' }, delay: '1h' });
    const after = await stats();
    expect(after.total_tasks).toBe(before.total_tasks + 1);
    expect(after.queue_length).toBe(before.queue_length + 1);
  });
});

test.each([
  ['no body', undefined],
  ['null', 'null'],
  ['no type', { data: {} }],
  ['an e-mail without data', { type: 'email' }],
  ['an e-mail without recipient', { type: 'email', data: { content: 'x' } }],
  ['an e-mail without content', { type: 'email', data: { recipient: EMAIL.recipient } }],
  ...['', null, {}].flatMap((empty): [string, unknown][] => [
    [`an e-mail with data ${JSON.stringify(empty)}`, { type: 'email', data: empty }],
    [
      `an e-mail with recipient ${JSON.stringify(empty)}`,
      { type: 'email', data: { ...EMAIL, recipient: empty } },
    ],
    [
      `an e-mail with content ${JSON.stringify(empty)}`,
      { type: 'email', data: { ...EMAIL, content: empty } },
    ],
  ]),
  ['no JSON', '{'],
])('400: %s', async (_what, body) => {
  const answer = await post(body ?? '');
  expect([answer.status, Object.keys(answer.body)]).toEqual([400, ['error']]);
});

test.each([
  ['a type that is no text', { type: 5 }],
  ['a type that nobody runs', { type: 'audio_transcode', data: {} }],
  ['a recipient that is no text', { type: 'email', data: { ...EMAIL, recipient: 5 } }],
  ['content that is no text', { type: 'email', data: { ...EMAIL, content: ['x'] } }],
  ['a subject that is no text', { type: 'email', data: { ...EMAIL, subject: {} } }],
  ['data that is no object', { type: 'email', data: 'x' }],
])('422: %s', async (_what, body) => {
  const answer = await post(body);
  expect([answer.status, Object.keys(answer.body)]).toEqual([422, ['error']]);
});

test('a recipient that is no address is named as the request names it', async () => {
  const { status, body } = await post({ type: 'email', data: { ...EMAIL, recipient: 'nobody' } });
  expect([status, body.error]).toEqual([422, expect.stringMatching(/^data\.recipient: /)]);
});

test.each(['0198f2a4-0000-7000-8000-000000000000', 'nonsense'])('404: %s', async (id) => {
  const { status, body } = await api.request('GET', `/tasks/${id}`);
  expect([status, body]).toEqual([404, { error: 'Task not found' }]);
});

describe('it is healthy, and no longer', () => {
  const becomes = (health: { status: number; body: object }) =>
    eventually(async () => expect(await api.request('GET', '/health')).toMatchObject(health), {
      within: 30_000,
    });
  const HEALTHY = { status: 200, body: { status: 'healthy', redis: 'connected' } };
  const UNHEALTHY = { status: 503, body: { status: 'unhealthy', redis: 'disconnected' } };

  test.each([
    ['has stopped', () => redis.refuse()],
    ['hangs', () => redis.fallSilent()],
  ])('while Redis %s', async (_what, fail) => {
    await becomes(HEALTHY);
    fail();
    await becomes(UNHEALTHY);
    redis.heal();
    await becomes(HEALTHY);
  });

  test('when nobody runs tasks', async () => {
    await becomes(HEALTHY);
    await Promise.all(cluster.of('executor').map((executor) => executor.terminate()));
    expect(await api.request('GET', '/health')).toMatchObject(UNHEALTHY);
  });
});
