/** Workflows as their users meet them: over HTTP and on the command line, with two executors to share the work. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

interface WorkflowAnswer {
  readonly id: string;
  readonly name: string | null;
  readonly state: string;
  readonly progress: Readonly<Record<string, number>>;
  readonly finishedAt: string | null;
}
interface WorkflowJob extends JobAnswer {
  readonly payload: { readonly env?: { readonly created_by?: string } };
  readonly dependsOn: readonly { readonly job: string; readonly onDependencyFailure: string }[];
}
interface WorkflowPage extends WorkflowAnswer {
  readonly jobs: readonly WorkflowJob[];
  readonly nextCursor: string | null;
}

let cluster: Cluster;
let api: ApiClient;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-workflows-'));
  cluster = await startCluster({ stores: 1, schedulers: 2, executors: 2 });
  api = new ApiClient(cluster.of('store').map(({ url }) => url));
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const command = (name: string, line: string, rest: object = {}) => ({
  name,
  type: 'command',
  payload: { command: line },
  maxAttempts: 1,
  ...rest,
});

async function submit(request: object): Promise<WorkflowAnswer> {
  const { status, body } = await api.request<WorkflowAnswer>('POST', '/api/v1/workflows', request);
  expect([status, body]).toEqual([201, expect.anything()]);
  return body;
}
const get = async (id: string, query = '?limit=200') =>
  (await api.request<WorkflowPage>('GET', `/api/v1/workflows/${id}${query}`)).body;
const until = (id: string, ...states: string[]) =>
  eventually(
    async () => {
      const workflow = await get(id);
      if (!states.includes(workflow.state)) throw new Error(`it is ${workflow.state}`);
      return workflow;
    },
    { within: 60_000 },
  );
const statesOf = ({ jobs }: WorkflowPage) => Object.fromEntries(jobs.map(({ name, state }) => [name, state]));

/** The command line, with the exit code and what it wrote. */
function triumvir(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, STORE_SERVICE_URL: cluster.url, NO_COLOR: '1' };
    const main = join(ROOT, 'dist', 'apps', 'cli', 'src', 'main.js');
    execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('the example', () => {
  test('a, b and c with three tasks each run strictly one after the other, on the command line', async () => {
    const file = join(ROOT, 'examples', 'workflow.yaml');
    const { code, stdout, stderr } = await triumvir('workflow', 'submit', '-f', file, '--wait', '-o', 'json');
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const { id, state, progress } = JSON.parse(stdout) as WorkflowAnswer;
    expect({ state, progress }).toMatchObject({
      state: 'succeeded',
      progress: { total: 9, finished: 9, succeeded: 9 },
    });

    const { jobs } = await get(id);
    const stage = (letter: string) => jobs.filter(({ name }) => name?.startsWith(`${letter}-`));
    for (const letter of ['a', 'b', 'c']) {
      expect(stage(letter).map(({ payload }) => payload.env?.created_by)).toEqual(
        Array.from({ length: 3 }, () => `job-${letter}`),
      );
    }
    const starts = (letter: string) => stage(letter).map(({ startedAt }) => Date.parse(startedAt ?? ''));
    const ends = (letter: string) => stage(letter).map(({ finishedAt }) => Date.parse(finishedAt ?? ''));
    expect(Math.min(...starts('b'))).toBeGreaterThanOrEqual(Math.max(...ends('a')));
    expect(Math.min(...starts('c'))).toBeGreaterThanOrEqual(Math.max(...ends('b')));
  });
});

describe('over HTTP', () => {
  test('what is wrong is told field by field, and nothing is stored', async () => {
    const refused = (jobs: object[]) => api.request<ProblemAnswer>('POST', '/api/v1/workflows', { jobs });
    const cycle = await refused([
      command('a', 'true', { dependsOn: ['c'] }),
      command('b', 'true', { dependsOn: ['a'] }),
      command('c', 'true', { dependsOn: ['b'] }),
    ]);
    expect(cycle.status).toBe(422);
    expect(cycle.body.errors?.[0]?.message).toMatch(/^makes a cycle: ("[abc]" waits for ){3}"[abc]"$/);
    const unknown = await refused([command('a', 'true', { dependsOn: ['x'] })]);
    expect(unknown.body).toMatchObject({
      status: 422,
      errors: [{ field: 'jobs.0.dependsOn.0', message: 'no job of this workflow is named "x"' }],
    });
    const several = await refused([
      command('a', 'true', { uniqueKey: 'k' }),
      { name: 'b', type: 'unknown' },
      { name: 'c', type: 'command', payload: {}, dependsOn: [7] },
    ]);
    expect(several.body.errors?.map(({ field }) => field)).toEqual([
      'jobs.0.uniqueKey',
      'jobs.1.type',
      'jobs.2.dependsOn.0',
    ]);
    expect((await refused([])).status).toBe(422);
    expect((await api.request('GET', '/api/v1/workflows/nonsense')).status).toBe(400);
    expect((await api.request('GET', `/api/v1/workflows/${crypto.randomUUID()}`)).status).toBe(404);
  });

  test('a repetition with the same Idempotency-Key is answered with the first workflow', async () => {
    const headers = { 'idempotency-key': uniqueName('key') };
    const request = { name: 'once', jobs: [command('a', 'true')] };
    const post = (body: object) => api.request<WorkflowAnswer>('POST', '/api/v1/workflows', body, headers);
    const first = await post(request);
    expect(first.status).toBe(201);
    expect(first.headers.get('location')).toBe(`/api/v1/workflows/${first.body.id}`);
    expect(await post(request)).toMatchObject({ status: 200, body: { id: first.body.id } });
    expect((await post({ ...request, name: 'twice' })).status).toBe(422);
  });

  test('children read the results of their parents, and GET of a job shows them', async () => {
    const { id } = await submit({
      jobs: [
        command('a', 'exit 0'),
        { name: 'b', type: 'print', payload: { text: 'four' } },
        command('c', 'printf %s "$JOB_PARENTS"', { dependsOn: ['a', 'b'] }),
      ],
    });
    const { jobs } = await until(id, 'succeeded');
    const child = jobs.find(({ name }) => name === 'c');
    const output = await api.request<{ stdout: string }>('GET', `/api/v1/jobs/${child?.id}/output`);
    expect(JSON.parse(output.body.stdout)).toMatchObject([
      { name: 'a', state: 'succeeded', result: { exitCode: 0 } },
      { name: 'b', result: { printed: 4 } },
    ]);
    const job = await api.request<{ workflowId: string; parents: object[] }>(
      'GET',
      `/api/v1/jobs/${child?.id}`,
    );
    expect(job.body).toMatchObject({
      workflowId: id,
      waitsFor: 0,
      parents: [
        { name: 'a', onDependencyFailure: 'cancel' },
        { name: 'b', result: { printed: 4 } },
      ],
    });
  });

  test('a failure goes down the tree by the rules, and a retry goes on from there', async () => {
    const flag = join(folder, uniqueName('flag'));
    const ledger = join(folder, uniqueName('ledger'));
    const note = (name: string, line = 'true', rest: object = {}) =>
      command(name, `echo ${name} >> ${ledger}; ${line}`, rest);
    const { id } = await submit({
      jobs: [
        note('ready'),
        note('flaky', `test -e ${flag}`, { dependsOn: ['ready'] }),
        note('after', 'true', { dependsOn: ['flaky'] }),
        note('last', 'true', { dependsOn: ['after'] }),
        note('always', 'true', { dependsOn: [{ job: 'flaky', onDependencyFailure: 'run' }] }),
      ],
    });
    const failed = await until(id, 'failed');
    expect(statesOf(failed)).toEqual({
      ready: 'succeeded',
      flaky: 'dead',
      after: 'cancelled',
      last: 'cancelled',
      always: 'succeeded',
    });
    expect(failed.jobs.find(({ name }) => name === 'after')?.error?.name).toBe('DependencyFailed');
    await writeFile(flag, '');
    const retried = await triumvir('workflow', 'retry', id, '--attempts', '1');
    expect(retried.code).toBe(0);
    const { progress } = await until(id, 'succeeded');
    expect(progress).toMatchObject({ total: 5, finished: 5, succeeded: 5 });
    const again = await api.request<ProblemAnswer>('POST', `/api/v1/workflows/${id}/retry`);
    expect(again.status).toBe(409);
    const { stdout } = await triumvir('workflow', 'get', id, '-o', 'json');
    expect((JSON.parse(stdout) as WorkflowPage).jobs).toHaveLength(5);
  });

  test('a held job lets the workflow wait for a person, who releases it', async () => {
    const { id } = await submit({
      onDependencyFailure: 'hold',
      jobs: [command('a', 'exit 1'), command('b', 'true', { dependsOn: ['a'] })],
    });
    const held = await until(id, 'held');
    expect(held.progress).toMatchObject({ dead: 1, held: 1 });
    expect((await triumvir('workflow', 'wait', id)).code).toBe(5);
    const b = held.jobs.find(({ name }) => name === 'b');
    expect((await api.request('POST', `/api/v1/jobs/${b?.id}/redrive`)).status).toBe(200);
    expect(statesOf(await until(id, 'failed'))).toEqual({ a: 'dead', b: 'succeeded' });
  });

  test('cancel ends what waits at once and what runs soon', async () => {
    const { id } = await submit({
      jobs: [command('a', 'sleep 600'), command('b', 'true', { dependsOn: ['a'] })],
    });
    await eventually(async () => statesOf(await get(id))['a'] === 'running');
    const cancelled = await api.request<WorkflowAnswer>('POST', `/api/v1/workflows/${id}/cancel`);
    expect(cancelled).toMatchObject({ status: 202, body: { state: 'running', progress: { cancelled: 1 } } });
    expect(statesOf(await until(id, 'cancelled'))).toEqual({ a: 'cancelled', b: 'cancelled' });
    const again = await api.request<ProblemAnswer>('POST', `/api/v1/workflows/${id}/cancel`);
    expect(again.status).toBe(409);
  });

  test('cancel: nothing of it starts after the answer, though parents end in that very moment', async () => {
    const parents = Array.from({ length: 40 }, (_, n) => command(`p${n}`, 'true'));
    const children = Array.from({ length: 40 }, (_, n) => command(`c${n}`, 'true', { dependsOn: [`p${n}`] }));
    const { id } = await submit({ jobs: [...parents, ...children] });
    await eventually(async () => {
      if (((await get(id)).progress['succeeded'] ?? 0) < 5) throw new Error('few have ended');
    });
    await api.request('POST', `/api/v1/workflows/${id}/cancel`);
    const answeredAt = Date.now();
    const { jobs } = await until(id, 'cancelled', 'succeeded');
    const late = jobs.filter(({ startedAt }) => startedAt !== null && Date.parse(startedAt) > answeredAt);
    expect(late).toEqual([]);
    expect(new Set(jobs.map(({ state }) => state))).toEqual(new Set(['succeeded', 'cancelled']));
  });

  test('of several who retry at the same moment one is let through, and each job has one more attempt', async () => {
    const { id } = await submit({
      jobs: [command('a', 'exit 1'), command('b', 'true', { dependsOn: ['a'] })],
    });
    await until(id, 'failed');
    const retry = () => api.request('POST', `/api/v1/workflows/${id}/retry`, { attempts: 1 });
    const statuses = (await Promise.all([retry(), retry(), retry()])).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
    const { jobs } = await until(id, 'failed');
    expect(jobs).toMatchObject([
      { name: 'a', state: 'dead', attempt: 2 },
      { name: 'b', state: 'cancelled', attempt: 0 },
    ]);
  });

  test('a thousand jobs in layers all succeed; their pages and the list are walked by cursor', async () => {
    const layers = 10;
    const jobs = Array.from({ length: 1000 }, (_, n) => ({
      name: `j${n}`,
      type: 'print',
      payload: { text: String(n) },
      dependsOn:
        n < 100
          ? []
          : [`j${n - 100}`, `j${Math.floor(n / 100) * 100 - 1 - (n % 100)}`].filter(
              (x, i, all) => all.indexOf(x) === i,
            ),
    }));
    const { id } = await submit({ name: `${layers} layers`, jobs });
    const done = await until(id, 'succeeded', 'failed');
    expect(done.progress).toMatchObject({ total: 1000, succeeded: 1000 });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: WorkflowPage = await get(id, `?limit=150${cursor === null ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.jobs.map((job) => job.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(1000);

    const listed: string[] = [];
    cursor = null;
    do {
      const path: string = `/api/v1/workflows?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`;
      const { body } = await api.request<{ workflows: WorkflowAnswer[]; nextCursor: string | null }>(
        'GET',
        path,
      );
      listed.push(...body.workflows.map((workflow) => workflow.id));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(listed).toEqual(listed.toSorted().toReversed());
    expect(listed).toContain(id);
    await eventually(async () =>
      (await triumvir('workflow', 'list', '--finished', '-o', 'jsonl')).stdout.includes(id),
    );
  });
});

describe('when the leader dies', () => {
  test('what it has left of a cancellation down a deep tree, the next one finishes', async () => {
    const jobs = Array.from({ length: 300 }, (_, n) => ({
      name: `j${n}`,
      type: 'command',
      payload: { command: n === 0 ? 'sleep 1; exit 1' : 'true' },
      maxAttempts: 1,
      dependsOn: n === 0 ? [] : [`j${n - 1}`],
    }));
    const { id } = await submit({ jobs });
    const [first] = (await get(id)).jobs;
    await api.waitFor(first?.id ?? '', ['running']);
    const { body } = await api.request<{ elections: { election: string; leader: { id: string } | null }[] }>(
      'GET',
      '/api/v1/cluster',
    );
    const leader = body.elections.find(({ election }) => election === 'scheduler/shard-0')?.leader?.id ?? '';
    await cluster.byId(leader).kill();
    expect((await until(id, 'failed')).progress).toMatchObject({ dead: 1, cancelled: 299 });
  });
});
