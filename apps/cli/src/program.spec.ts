import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InterruptedError } from './exit-codes.js';
import { run } from './program.js';

const NO = { type: 'urn:triumvir:problem:conflict', title: 'No' };

const DEFAULTS = {
  name: null,
  queue: 'default',
  priority: 5,
  payload: null,
  runAt: null,
  createdAt: null,
  startedAt: null,
  finishedAt: null,
  maxAttempts: 4,
  executor: null,
  cancelRequestedAt: null,
};

/** A store with jobs that go one state on each time they are looked at. */
class ScriptedStore {
  requests = 0;
  readonly submissions: Record<string, unknown>[] = [];
  private readonly jobs: { body: Record<string, unknown>; states: string[] }[] = [];
  private readonly server = createServer((request, response) => {
    void this.answer(request).then(([status, body]) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    );
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return `http://127.0.0.1:${address.port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Adds a job that will pass through `states` and stay in the last. @returns its id */
  add(body: Record<string, unknown>, states: readonly string[] = ['queued', 'running', 'succeeded']): string {
    this.jobs.push({ body, states: [...states] });
    return `job-${this.jobs.length}`;
  }

  private async answer(request: IncomingMessage): Promise<[number, unknown]> {
    this.requests++;
    const url = new URL(request.url ?? '', 'http://store');
    const [, , , collection, id, action] = url.pathname.split('/');
    if (request.method === 'POST' && action === undefined) return this.submit(await textOf(request));
    if (collection === 'cluster') return [200, { elections: [], members: {}, executors: [] }];
    if (id === undefined) return [200, this.page(url.searchParams)];
    const job = this.jobs[Number(id.slice(4)) - 1];
    if (job === undefined) return [404, { ...NO, detail: `There is no job ${id}` }];
    if (action === 'why') return [200, WHY];
    if (action === 'output') return [200, outputOf(job.body)];
    if (action === 'cancel') {
      if (job.states.length === 1) return [409, { ...NO, detail: 'The job has ended' }];
      job.states.splice(0, job.states.length, 'cancelled');
    } else if (job.states.length > 1) {
      job.states.shift();
    }
    return [200, this.view(Number(id.slice(4)))];
  }

  private submit(text: string): [number, unknown] {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return [400, {}];
    const given = { ...body } as Record<string, unknown>;
    if (given['type'] === 'unknown') {
      const errors = [{ field: 'type', message: 'is not known', allowed: ['command', 'print'] }];
      return [422, { ...NO, detail: 'The job is not valid', errors }];
    }
    this.submissions.push(given);
    const fails = JSON.stringify(given).includes('exit 7');
    this.add(given, ['scheduled', 'queued', 'running', fails ? 'dead' : 'succeeded']);
    return [201, this.view(this.jobs.length)];
  }

  private page(query: URLSearchParams) {
    const from = Number(query.get('cursor') ?? 0);
    const to = Math.min(from + Number(query.get('limit')), this.jobs.length);
    const jobs = this.jobs.slice(from, to).map((_, index) => this.view(from + index + 1));
    return { jobs, nextCursor: to < this.jobs.length ? String(to) : null };
  }

  private view(number: number): Record<string, unknown> {
    const job = this.jobs[number - 1];
    const state = job?.states[0];
    return {
      ...DEFAULTS,
      ...job?.body,
      id: `job-${number}`,
      state,
      attempt: state === 'scheduled' || state === 'queued' ? 0 : 1,
      result: state === 'succeeded' ? { exitCode: 0 } : null,
      error: state === 'dead' ? { name: 'CommandFailed', message: 'exit code 7', exitCode: 7 } : null,
    };
  }
}

const WHY = {
  reason: 'due-later',
  sentence: 'It waits for its\u001b[2J time.',
  about: 5,
  also: [{ reason: 'no-executor', sentence: 'Nobody takes it.', about: null }],
};

function outputOf(body: Record<string, unknown>) {
  const stdout = `out of ${String(body['name'])}\nmore\n`;
  const parts = { output: `${stdout}complaint\n`, stdout, stderr: 'complaint\n' };
  return { attempt: 1, ...parts, truncated: body['name'] === 'long', omittedBytes: 9 };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

let store: ScriptedStore;
let url: string;
let folder: string;

beforeEach(async () => {
  store = new ScriptedStore();
  url = await store.start();
  folder = await mkdtemp(join(tmpdir(), 'triumvir-cli-'));
});

afterEach(async () => {
  store.stop();
  await rm(folder, { recursive: true });
});

interface Settings {
  readonly env?: Record<string, string>;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
}

async function triumvir(args: readonly string[], { env, isTTY = false, signal }: Settings = {}) {
  const written = { stdout: '', stderr: '' };
  const screen = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTTY,
    columns: 100,
    rows: 24,
  });
  const exitCode = await run(
    args,
    { stdout: screen('stdout'), stderr: screen('stderr'), env: env ?? { STORE_SERVICE_URL: url } },
    signal ?? new AbortController().signal,
  );
  return { exitCode, ...written };
}

const linesIn = (text: string) => text.trim().split('\n').length;

async function jobsFile(...jobs: readonly unknown[]): Promise<string> {
  const path = join(folder, 'jobs.json');
  await writeFile(path, JSON.stringify({ jobs }));
  return path;
}

describe('triumvir submit', () => {
  it('submits a command with all its settings and prints nothing but the id', async () => {
    const settings =
      '--name n --queue q --delay 500 --priority 0 --max-attempts 2 --timeout 1m30s --expires 2h --tags a,b'.split(
        ' ',
      );
    const { exitCode, stdout, stderr } = await triumvir(['submit', 'echo hi', ...settings]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: 'job-1\n', stderr: '' });
    expect(store.submissions).toEqual([
      {
        type: 'command',
        payload: { command: 'echo hi' },
        name: 'n',
        queue: 'q',
        delay: 500,
        priority: 0,
        maxAttempts: 2,
        timeout: '1m30s',
        expiresAt: '2h',
        tags: ['a', 'b'],
      },
    ]);
  });

  it('submits a job of any type, and prints all of it as JSON', async () => {
    const { stdout } = await triumvir(
      'submit --type print --payload {"message":"x"} --run-at 2030-01-31T09:00:00+01:00 -o json'.split(' '),
    );
    expect(JSON.parse(stdout)).toMatchObject({ id: 'job-1', type: 'print', payload: { message: 'x' } });
    expect(store.submissions[0]).toMatchObject({ runAt: '2030-01-31T09:00:00+01:00' });
  });

  it('prints what the store has to say against a job, field by field', async () => {
    const { exitCode, stdout, stderr } = await triumvir(['submit', '--type', 'unknown']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe('error: type: is not known (allowed: command, print)\n');
  });

  it.each([
    [['submit'], 'give a command, or --type'],
    [['submit', ' '], 'the command is empty'],
    [['submit', 'a', 'b'], 'too many arguments'],
    [['submit', 'a', '--type', 'print'], 'not both'],
    [['submit', 'a', '--file', 'x'], 'not both'],
    [['submit', '--file', '/nowhere/jobs.json'], 'cannot read /nowhere/jobs.json'],
    [['submit', '--file', 'x', '--queue', 'q'], 'cannot be used with'],
    [['submit', 'a', '--delay', 'soon'], 'must be milliseconds, or a duration'],
    [['submit', 'a', '--delay', '-5'], "argument '-5' is invalid"],
    [['submit', 'a', '--delay', '1s', '--run-at', '2030-01-31T09:00:00Z'], 'cannot be used with'],
    [['submit', 'a', '--run-at', 'tomorrow'], 'must be a time with its offset'],
    [['submit', 'a', '--expires', 'never'], 'must be a time with its offset, or milliseconds'],
    [['submit', 'a', '--priority', '10'], 'must be a whole number from 0 to 9'],
    [['submit', 'a', '--priority', '1e0'], 'must be a whole number'],
    [['submit', '--type', 'print', '--payload', '{'], 'is not JSON'],
    [['submit', 'a', '--url', 'localhost:3000'], 'must be an http:// or https:// URL'],
    [['submit', 'a', '--url', 'http://me:pw@host'], 'must not hold a name or a password'],
    [['conquer'], 'unknown command'],
  ])('refuses %j before it asks the store', async (args, message) => {
    const { exitCode, stdout, stderr } = await triumvir(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(store.submissions).toEqual([]);
  });

  it('submits no job of a file that has a fault', async () => {
    const path = await jobsFile({ command: 'true' }, { name: 'b', command: 'true', priority: 11 });
    const { exitCode, stderr } = await triumvir(['submit', '--file', path]);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(`error: ${path}: job 2 (b): priority: must be a whole number from 0 to 9\n`);
    expect(store.submissions).toEqual([]);
  });

  it('says which jobs of a file were submitted when the store refuses one', async () => {
    const path = await jobsFile({ name: 'a', command: 'true' }, { name: 'b', type: 'unknown' });
    const { exitCode, stdout, stderr } = await triumvir(['submit', '--file', path]);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^job-1 +scheduled +a$/m);
    expect(stderr).toContain(`${path}: job 2 (b) was refused\n1 of 2 jobs were submitted\n`);
  });

  it('follows the jobs of a file to their end and tells what became of each', async () => {
    const path = await jobsFile({ name: 'good', command: 'echo' }, { name: 'bad', command: 'exit 7' });
    const { exitCode, stdout, stderr } = await triumvir(['submit', '--file', path, '--wait']);
    expect(exitCode).toBe(5);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['NAME', 'STATE', 'ATTEMPTS', 'EXIT', 'DURATION', 'OUTPUT'],
      ['good', 'succeeded', '1/4', '0', '-', 'out of good'],
      ['bad', 'dead', '1/4', '7', '-', 'complaint'],
      [''],
    ]);
    const changes = stderr.split('\n').map((line) => line.replace(/^\S+ /, ''));
    expect(changes.filter((line) => line.startsWith('bad'))).toEqual([
      'bad: scheduled',
      'bad: queued',
      'bad: running (attempt 1/4)',
      'bad: dead (attempt 1/4)',
    ]);
    expect(stderr).toMatch(/2 jobs after .*: 1 succeeded, 1 dead\n$/);
  });

  it('redraws its progress in place on a terminal, and clears it at the end', async () => {
    const { exitCode, stderr, stdout } = await triumvir(['submit', 'echo', '--wait'], { isTTY: true });
    expect(exitCode).toBe(0);
    expect(stderr).toContain('\u001b[2K');
    expect(stderr.split('\u001b[2A\r\u001b[J').at(-1)).toMatch(/^1 job after .*: 1 succeeded\n$/);
    expect(stdout).toContain('\u001b[32msucceeded\u001b[39m');
  });

  it('heeds NO_COLOR', async () => {
    const env = { STORE_SERVICE_URL: url, NO_COLOR: '1' };
    const { stderr, stdout } = await triumvir(['submit', 'echo', '--wait'], { isTTY: true, env });
    expect(stdout + stderr).not.toContain('\u001b[32m');
  });
});

describe('triumvir wait', () => {
  it('ends with 0 when all succeeded, and prints them as JSON lines', async () => {
    const ids = [store.add({ type: 'print' }), store.add({ type: 'print' })];
    const { exitCode, stdout } = await triumvir(['wait', ...ids, '-o', 'jsonl']);
    expect(exitCode).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { id: 'job-1', state: 'succeeded' },
      { id: 'job-2', state: 'succeeded' },
    ]);
  });

  it('ends with 3 when its time is up, with 5 when a job did not succeed, with 6 when there is none', async () => {
    const endless = store.add({ type: 'print', name: 'endless' }, ['queued', 'running', 'running']);
    const late = await triumvir(['wait', endless, '--timeout', '150ms']);
    expect(late.exitCode).toBe(3);
    expect(late.stdout).toMatch(/^endless +running/m);
    expect(late.stderr).toContain('the wait timed out after 150 ms; the jobs go on');

    const expired = store.add({ type: 'print' }, ['scheduled', 'expired']);
    expect((await triumvir(['wait', expired])).exitCode).toBe(5);
    expect((await triumvir(['wait', 'job-99'])).exitCode).toBe(6);
  });

  it('ends with 130 when it is interrupted, and leaves the jobs alone', async () => {
    const endless = store.add({ type: 'print' }, ['running', 'running']);
    const interruption = new AbortController();
    const waiting = triumvir(['wait', endless], { signal: interruption.signal });
    await expect.poll(() => store.requests).toBeGreaterThan(1);
    interruption.abort(new InterruptedError());
    const { exitCode, stderr } = await waiting;
    expect(exitCode).toBe(130);
    expect(stderr).toContain('jobs that were submitted go on');
  });
});

describe('triumvir why', () => {
  it('says what the job waits for, and what else is in its way, one sentence a line', async () => {
    const id = store.add({ type: 'print' });
    const { exitCode, stdout } = await triumvir(['why', id]);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'It waits for its time.\nAlso: Nobody takes it.\n',
    });
    expect(JSON.parse((await triumvir(['why', id, '-o', 'json'])).stdout)).toEqual(WHY);
  });
});

describe('triumvir list', () => {
  it('goes through the pages as far as it is told', async () => {
    for (let n = 0; n < 450; n++) store.add({ type: 'print' });
    const some = await triumvir(['list', '--limit', '250', '-o', 'jsonl']);
    expect(linesIn(some.stdout)).toBe(250);
    const all = await triumvir(['list', '--all', '-o', 'json']);
    expect(JSON.parse(all.stdout)).toHaveLength(450);
    const first = await triumvir(['list']);
    expect(linesIn(first.stdout)).toBe(51);
    expect(first.stderr).toBe('there are more: use --limit or --all\n');
  });

  it('refuses a state that does not exist, and names those that do', async () => {
    const { exitCode, stderr } = await triumvir(['list', '--state', 'lost']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('blocked, scheduled, queued, running');
  });
});

describe('triumvir get, logs, cancel, cluster', () => {
  it('shows a job', async () => {
    const id = store.add({ type: 'print', payload: { message: 'x' } });
    const { exitCode, stdout } = await triumvir(['get', id]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('payload:   {"message":"x"}\n');
  });

  it('prints what a job wrote as it is, and says on stderr when that is not all', async () => {
    const id = store.add({ type: 'command', name: 'long' });
    const { stdout, stderr } = await triumvir(['logs', id, '--attempt', '1']);
    expect(stdout).toBe('out of long\nmore\ncomplaint\n');
    expect(stderr).toBe('the output was too long: 9 bytes were left out\n');
  });

  it('cancels what can be cancelled, and says which jobs could not', async () => {
    const ended = store.add({ type: 'print' }, ['succeeded']);
    const waiting = store.add({ type: 'print' }, ['queued', 'running']);
    const { exitCode, stdout, stderr } = await triumvir(['cancel', ended, waiting]);
    expect(exitCode).toBe(6);
    expect(stdout).toMatch(/^job-2 +cancelled/m);
    expect(stderr).toBe('error: job-1: The job has ended\n');
  });

  it('shows the cluster', async () => {
    const { exitCode, stdout } = await triumvir(['cluster', '-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ elections: [], members: {}, executors: [] });
  });
});

describe('triumvir', () => {
  it('documents its exit codes', async () => {
    const { exitCode, stdout } = await triumvir(['--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('3  the wait timed out');
  });

  it('has a version', async () => {
    expect((await triumvir(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('takes --url before STORE_SERVICE_URL, and names a wrong variable', async () => {
    const env = { STORE_SERVICE_URL: 'nonsense' };
    expect((await triumvir(['list', '--url', url], { env })).exitCode).toBe(0);
    const { exitCode, stderr } = await triumvir(['list'], { env });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'error: STORE_SERVICE_URL must be an http:// or https:// URL\n',
    });
  });
});
