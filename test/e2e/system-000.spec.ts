/**
 * The chart's jobs as its pods run them: the rendered containers, one after the other as Kubernetes starts them, with our own
 * image's programs, against a real system. Only Kubernetes' API is played: it tells which Jobs are complete.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { IContainer } from 'kubernetes-models/v1/Container';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TriumvirClient } from '#client/client.js';
import { ROOT } from '#tools/root.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { containerOf, HELM_RUNS_HERE, podOf, render, the, type Manifest } from '../support/helm-chart.js';

const NAMES = ['job-a', 'job-b', 'job-c'];
const NAMESPACE = 'task-system-master';
const TOKEN = 'token-of-the-service-account';

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** What the API says of a Job: the types of its conditions that hold; undefined while there is no such Job. */
const conditions = new Map<string, string[]>();

let folder: string;
let kubernetes: Server;
let cluster: Cluster;
let client: TriumvirClient;
let manifests: Manifest[];

describe.skipIf(!HELM_RUNS_HERE)("the chart's jobs", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'triumvir-chart-'));
    manifests = render();
    kubernetes = createServer((request, response) => {
      const [, name = ''] =
        new RegExp(`^/apis/batch/v1/namespaces/${NAMESPACE}/jobs/([\\w-]+)$`).exec(request.url ?? '') ?? [];
      const rule = the(manifests, 'Role', 'job-waiter').rules?.[0];
      const allowed =
        request.headers.authorization === `Bearer ${TOKEN}` && rule?.resourceNames?.includes(name);
      const types = conditions.get(name);
      const status = !allowed || request.method !== 'GET' ? 403 : types === undefined ? 404 : 200;
      const body = {
        status: { conditions: types?.map((type) => ({ type, status: 'True', message: 'a message' })) },
      };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => kubernetes.listen(0, '127.0.0.1', resolve));
    const apiKey = Buffer.from(
      the(manifests, 'Secret', 'store').data?.['api-key'] ?? '',
      'base64',
    ).toString();
    cluster = await startCluster({ executors: 2, env: { STORE_BOOTSTRAP_KEY: apiKey } });
    client = new TriumvirClient({ baseUrl: cluster.url, apiKey });
    await inFile('serviceaccount/token', TOKEN);
    await inFile('serviceaccount/namespace', NAMESPACE);
    // As the image has it on its PATH.
    const program = join(ROOT, 'dist/apps/cli/src/main.js');
    await inFile('bin/triumvir', `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
    await chmod(join(folder, 'bin/triumvir'), 0o755);
    for (const name of NAMES) {
      const { data = {} } = the(manifests, 'ConfigMap', name);
      for (const [file, text] of Object.entries(data)) await inFile(`${name}/${file}`, text);
    }
  });
  afterAll(async () => {
    kubernetes?.closeAllConnections();
    kubernetes?.close();
    await cluster?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function inFile(name: string, text: string): Promise<void> {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** Where the container would find what is mounted; elsewhere a path stays. */
  function onThisMachine(text: string, job: string): string {
    return text
      .replace(/^\/tasks\//, `${folder}/${job}/`)
      .replace('/var/run/secrets/kubernetes.io/serviceaccount', `${folder}/serviceaccount`)
      .replace('http://store-service:3000', cluster.url)
      .replace(
        'https://kubernetes.default.svc',
        `http://127.0.0.1:${(kubernetes.address() as AddressInfo).port}`,
      );
  }

  function environmentOf({ env = [] }: IContainer, job: string): Record<string, string> {
    return Object.fromEntries(
      env.flatMap(({ name, value, valueFrom }) => {
        // For TLS, which the API that is played here does not speak.
        if (name === 'NODE_EXTRA_CA_CERTS') return [];
        if (value !== undefined) return [[name, onThisMachine(value, job)]];
        const { name: secret = '', key = '' } = valueFrom?.secretKeyRef ?? {};
        const held = secret === '' ? `uid-of-${job}` : the(manifests, 'Secret', secret).data?.[key];
        return [[name, secret === '' ? (held ?? '') : Buffer.from(held ?? '', 'base64').toString()]];
      }),
    );
  }

  function run(container: IContainer, job: string): Promise<Ran> {
    const [command = '', ...args] = (container.args ?? []).map((text) => onThisMachine(text, job));
    const env = {
      PATH: `${folder}/bin:${process.env['PATH']}`,
      HOME: folder,
      ...environmentOf(container, job),
    };
    return new Promise((resolve, reject) => {
      const child = spawn(command === 'node' ? process.execPath : command, args, { cwd: ROOT, env });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (piece) => (output += String(piece)));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, output }));
    });
  }

  /** All containers of a Job's pod; then the API calls the Job complete. Resolves with what the last one printed. */
  async function runJob(name: string): Promise<string> {
    const { initContainers = [], containers } = podOf(the(manifests, 'Job', name));
    let printed = '';
    for (const container of [...initContainers, ...containers]) {
      const { code, output } = await run(container, name);
      expect(code, `${container.name}: ${output}`).toBe(0);
      printed = output;
    }
    conditions.set(name, ['Complete']);
    return printed;
  }

  const allJobs = async () => (await client.get('/api/v1/jobs', { params: { query: { limit: 100 } } })).jobs;

  test('run strictly one after the other, whichever starts first, and make nine tasks that succeed', async () => {
    const [printedByC, printedByB, printedByA] = await Promise.all(['job-c', 'job-b', 'job-a'].map(runJob));
    const jobs = await Promise.all(
      (await allJobs()).map(({ id }) => client.get('/api/v1/jobs/{id}', { params: { path: { id } } })),
    );
    expect(jobs).toHaveLength(9);
    const [a = [], b = [], c = []] = NAMES.map((name) =>
      jobs.filter(({ payload }) => (payload as { env: { created_by: string } }).env.created_by === name),
    );
    for (const stage of [a, b, c]) {
      expect(stage.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    }
    const ends = (stage: typeof jobs) =>
      Math.max(...stage.map(({ finishedAt }) => Date.parse(finishedAt ?? '')));
    const begins = (stage: typeof jobs) => Math.min(...stage.map(({ createdAt }) => Date.parse(createdAt)));
    expect(ends(a)).toBeLessThanOrEqual(begins(b));
    expect(ends(b)).toBeLessThanOrEqual(begins(c));
    for (const [name, printed] of [
      ['job-a', printedByA],
      ['job-b', printedByB],
      ['job-c', printedByC],
    ] as const) {
      expect(printed).toContain(`${name} has submitted:`);
      for (const number of [1, 2, 3]) expect(printed).toContain(`${name}-${number}`);
    }
    const [first] = a;
    const output = await client.get('/api/v1/jobs/{id}/output', {
      params: { path: { id: first?.id ?? '' } },
    });
    expect(JSON.stringify(output)).toMatch(/task \d of job-a/);
  });

  test('submit nothing twice when a pod of theirs is started again', async () => {
    await runJob('job-a');
    expect(await allJobs()).toHaveLength(9);
  });

  test('fail when the one before has failed, or when they may not look at it', async () => {
    const wait = containerOf(the(manifests, 'Job', 'job-b'), 'wait-for-job-a');
    conditions.set('job-a', ['Failed']);
    const failed = await run(wait, 'job-b');
    expect(failed).toMatchObject({
      code: 1,
      output: expect.stringContaining('The Job job-a has failed: a message'),
    });
    const other = await run({ ...wait, args: [...(wait.args ?? []).slice(0, -1), 'job-x'] }, 'job-b');
    expect(other).toMatchObject({
      code: 1,
      output: expect.stringContaining('may not look at the Job job-x'),
    });
  });
});
