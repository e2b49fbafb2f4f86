/** What Helm does with the chart in a cluster, of which only the API is played: what is there decides what is rendered. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IJob } from 'kubernetes-models/batch/v1/Job';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHARTS, HELM, HELM_RUNS_HERE } from '../test/support/helm-chart.js';
import { KubernetesInMemory } from '../test/support/kubernetes-in-memory.js';

const MASTER = 'task-system-master';

describe.skipIf(!HELM_RUNS_HERE)('the chart, in a cluster', () => {
  let kubernetes: KubernetesInMemory;
  let folder: string;
  beforeAll(async () => {
    kubernetes = await KubernetesInMemory.start();
    folder = await mkdtemp(join(tmpdir(), 'triumvir-helm-'));
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'played', cluster: { server: kubernetes.url } }],
      contexts: [{ name: 'played', context: { cluster: 'played' } }],
      'current-context': 'played',
    };
    await writeFile(join(folder, 'config'), JSON.stringify(config), { mode: 0o600 });
  });
  afterAll(async () => {
    kubernetes?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function helm(...args: readonly string[]): Promise<void> {
    const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: join(folder, 'config') };
    const child = spawn(HELM, args, { cwd: CHARTS, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const said = await text(child.stderr);
    expect(await ended, said).toBe(0);
  }

  const install = (...args: readonly string[]) =>
    helm('install', 'task-system', './task-system', '--disable-openapi-validation', ...args);
  const upgrade = (...args: readonly string[]) =>
    helm('upgrade', 'task-system', './task-system', '--disable-openapi-validation', ...args);

  /** Paths of what is there, without Helm's own notes. */
  const there = () => [...kubernetes.objects.keys()].filter((path) => !path.includes('sh.helm.release'));
  const secrets = () =>
    there()
      .filter((path) => path.includes('/secrets/'))
      .map((path) => [path, kubernetes.objects.get(path)?.['data']]);
  const jobA = `/apis/batch/v1/namespaces/${MASTER}/jobs/job-a`;
  const imageOfJobA = () =>
    (kubernetes.objects.get(jobA) as IJob | undefined)?.spec?.template.spec?.containers[0]?.image;
  const executors = () => {
    const path = `/apis/apps/v1/namespaces/${MASTER}/deployments/task-executor`;
    return (kubernetes.objects.get(path) as IDeployment | undefined)?.spec?.replicas;
  };

  test('keeps passwords and jobs through upgrade, rollback, uninstall and a new install', async () => {
    await install();
    const first = secrets();
    expect(first).toHaveLength(6);

    await upgrade('--set', 'jobA.image.tag=v2,taskExecutor.replicas=3');
    expect(executors()).toBe(3);
    expect(imageOfJobA()).toBe('job-a:latest');
    await helm('rollback', 'task-system', '1');
    expect(executors()).toBe(2);
    expect(secrets()).toEqual(first);

    kubernetes.objects.delete(jobA);
    await upgrade('--set', 'jobA.image.tag=v2');
    expect(imageOfJobA()).toBe('job-a:v2');

    await helm('uninstall', 'task-system');
    expect(
      there()
        .filter((path) => !path.includes('/secrets/'))
        .sort(),
    ).toEqual(['/api/v1/namespaces/task-system-master', '/api/v1/namespaces/task-system-slave']);
    await install();
    expect(secrets()).toEqual(first);
    // Six runs of Helm.
  }, 120_000);
});
