/** TaskMaster's HTTP interface, used as its document says: `curl -d` on /schedule, and /status. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient, type Answer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

interface Scheduled {
  readonly command: string;
  readonly scheduled_at: number;
  readonly task_id: string;
}

type Status = Readonly<Record<string, string>>;

const FORM = 'application/x-www-form-urlencoded';
const PAST = '2023-12-25T22:34:00+05:30';
const PAST_IN_UTC = '2023-12-25T17:04:00.000Z';

let cluster: Cluster;
let api: ApiClient;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-taskmaster-'));
  cluster = await startCluster();
  api = new ApiClient([cluster.url]);
});

afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** As `curl -X POST …/schedule -d <text>` does. */
async function curl(text: string, headers: Readonly<Record<string, string>> = { 'content-type': FORM }) {
  // Bytes, for which fetch makes up no content type of its own.
  const body = new TextEncoder().encode(text);
  return fetch(`${cluster.url}/schedule`, { method: 'POST', headers, body });
}

async function schedule(command: string, due: string): Promise<Scheduled> {
  const response = await curl(JSON.stringify({ command, scheduled_at: due }));
  expect(response.status).toBe(200);
  return (await response.json()) as Scheduled;
}

async function status(id: string): Promise<Status> {
  const answer = await api.request<Status>('GET', `/status?task_id=${id}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

test('a command of a past time runs at once, and its status tells when what happened', async () => {
  const scheduled = await schedule('echo "due $SCHEDULED_AT"', PAST);
  expect(scheduled).toEqual({
    command: 'echo "due $SCHEDULED_AT"',
    scheduled_at: Date.parse(PAST) / 1000,
    task_id: expect.any(String),
  });
  const done = await eventually(async () => {
    const answer = await status(scheduled.task_id);
    expect(answer).toHaveProperty('completed_at');
    return answer;
  });
  expect(Object.keys(done)).toEqual([
    'task_id',
    'command',
    'scheduled_at',
    'picked_at',
    'started_at',
    'completed_at',
  ]);
  expect(done).toMatchObject({ task_id: scheduled.task_id, scheduled_at: PAST_IN_UTC });
  const times = ['picked_at', 'started_at', 'completed_at'].map((name) => Date.parse(done[name] ?? ''));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const { body } = await api.request<{ stdout: string }>('GET', `/api/v1/jobs/${scheduled.task_id}/output`);
  expect(body.stdout).toBe(`due ${PAST_IN_UTC}\n`);
});

/** What a line of the document prints, typed into a shell with the port of here. */
async function typed(line: string): Promise<unknown> {
  const here = line.replace('localhost:8081', `localhost:${new URL(cluster.url).port}`);
  return JSON.parse((await promisify(execFile)('sh', ['-c', here])).stdout) as unknown;
}

test('the lines of the document for curl work as they stand there', async ({ skip }) => {
  if (spawnSync('curl', ['--version']).error !== undefined) skip('there is no curl on this machine');
  const command = 'echo hello';
  const scheduled = await typed(
    `curl -X POST localhost:8081/schedule -d '{"command":"${command}","scheduled_at":"2023-12-25T22:34:00+05:30"}'`,
  );
  expect(scheduled).toEqual({
    command,
    scheduled_at: Date.parse(PAST) / 1000,
    task_id: expect.any(String),
  });
  const { task_id: id } = scheduled as Scheduled;
  await eventually(async () =>
    expect(await typed(`curl localhost:8081/status?task_id=${id}`)).toMatchObject({
      task_id: id,
      command,
      scheduled_at: PAST_IN_UTC,
      completed_at: expect.any(String),
    }),
  );
});

test('a command that is due later has only its time', async () => {
  const { task_id: id } = await schedule('true', '2099-01-31T09:00:00-03:00');
  expect(await status(id)).toEqual({
    task_id: id,
    command: 'true',
    scheduled_at: '2099-01-31T12:00:00.000Z',
  });
});

test('a command that runs has been started and has not ended', async () => {
  const gate = join(folder, 'open');
  const { task_id: id } = await schedule(`until [ -e ${gate} ]; do sleep 0.05; done`, PAST);
  const running = await eventually(async () => {
    const answer = await status(id);
    expect(answer).toHaveProperty('started_at');
    return answer;
  });
  expect(running).not.toHaveProperty('completed_at');
  await writeFile(gate, '');
  await eventually(async () => expect(await status(id)).toHaveProperty('completed_at'));
});

test('a command that fails is tried again, then has failed, and keeps the time that was asked for', async () => {
  const { task_id: id } = await schedule('exit 3', PAST);
  const failed = await eventually(async () => {
    const answer = await status(id);
    expect(answer).toHaveProperty('failed_at');
    return answer;
  });
  expect(failed).not.toHaveProperty('completed_at');
  expect(failed).toMatchObject({ scheduled_at: PAST_IN_UTC });
  expect(await api.get(id)).toMatchObject({ state: 'dead', attempt: 4 });
});

test('the body may be declared as a form, as JSON or not at all, but not as anything else', async () => {
  const body = JSON.stringify({ command: 'true', scheduled_at: PAST, extra: 'is let pass' });
  expect((await curl(body)).status).toBe(200);
  expect((await curl(body, {})).status).toBe(200);
  expect((await api.request('POST', '/schedule', body)).status).toBe(200);
  expect((await curl(body, { 'content-type': 'text/plain' })).status).toBe(415);
  const elsewhere = await fetch(`${cluster.url}/api/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': FORM },
    body: JSON.stringify({ type: 'command', payload: { command: 'true' } }),
  });
  expect(elsewhere.status).toBe(415);
});

test('a page of another site cannot schedule anything', async () => {
  const body = JSON.stringify({ command: 'true', scheduled_at: PAST });
  for (const origin of ['http://elsewhere.example', 'null'])
    expect((await curl(body, { 'content-type': FORM, origin })).status).toBe(403);
});

test('a repetition with the same Idempotency-Key schedules nothing new', async () => {
  const body = { command: 'true', scheduled_at: PAST };
  const send = () =>
    api.request<Scheduled>('POST', '/schedule', body, { 'idempotency-key': 'the-very-same' });
  expect((await send()).body).toEqual((await send()).body);
});

test('what is wrong is named in the words of the request', async () => {
  const refuse = async (body: unknown): Promise<Answer<ProblemAnswer>> =>
    api.request<ProblemAnswer>('POST', '/schedule', body);
  const fieldsOf = ({ body }: Answer<ProblemAnswer>) => body.errors?.map(({ field }) => field);
  const nothing = await refuse({});
  expect([nothing.status, fieldsOf(nothing)]).toEqual([422, ['command', 'scheduled_at']]);
  expect(fieldsOf(await refuse({ command: '', scheduled_at: PAST }))).toEqual(['command']);
  expect(fieldsOf(await refuse({ command: 'a\0b', scheduled_at: PAST }))).toEqual(['command']);
  expect(fieldsOf(await refuse({ command: 'true', scheduled_at: '2023-12-25 22:34' }))).toEqual([
    'scheduled_at',
  ]);
  expect((await curl('{')).status).toBe(400);
  expect((await curl('')).status).toBe(400);
});

test('the status of what is no task is 404, and without an id 400', async () => {
  const other = await api.submit({ type: 'print', payload: { text: 'x' } });
  for (const id of ['0198f2a4-0000-7000-8000-000000000000', 'nonsense', other.id])
    expect((await api.request('GET', `/status?task_id=${id}`)).status).toBe(404);
  expect((await api.request('GET', '/status')).status).toBe(400);
});
