/**
 * Plays as much of Kubernetes' API as Helm needs to install, upgrade and roll back: it keeps what it is given, and refuses to
 * change the template of a Job, as the real one does. No controllers, no validation.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

const KINDS: Readonly<Record<string, readonly string[]>> = {
  '/api/v1': ['Namespace', 'Secret', 'ConfigMap', 'Service', 'ServiceAccount'],
  '/apis/apps/v1': ['Deployment', 'StatefulSet'],
  '/apis/batch/v1': ['Job'],
  '/apis/policy/v1': ['PodDisruptionBudget'],
  '/apis/rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding'],
};

const resourceOf = (kind: string) => `${kind.toLowerCase()}s`;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is told of the API itself, by path. */
const DISCOVERY: Readonly<Record<string, Json>> = {
  '/version': { major: '1', minor: '34', gitVersion: 'v1.34.0' },
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: Object.keys(KINDS).flatMap((path) => {
      const [, , name, version] = path.split('/');
      if (version === undefined) return [];
      const one = { groupVersion: `${name}/${version}`, version };
      return [{ name, versions: [one], preferredVersion: one }];
    }),
  },
  ...Object.fromEntries(
    Object.entries(KINDS).map(([path, kinds]) => [
      path,
      {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: path.split('/').slice(2).join('/'),
        resources: kinds.map((kind) => ({
          name: resourceOf(kind),
          singularName: kind.toLowerCase(),
          namespaced: kind !== 'Namespace',
          kind,
          verbs: ['create', 'delete', 'get', 'list', 'patch', 'update'],
        })),
      },
    ]),
  ),
};

/** RFC 7396: null takes a field away, and lists are replaced. */
function merged(before: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const after: Json = isObject(before) ? { ...before } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete after[key];
    else after[key] = merged(after[key], value);
  }
  return after;
}

export class KubernetesInMemory {
  /** By path, such as `/api/v1/namespaces/task-system-master/secrets/store`. */
  readonly objects = new Map<string, Json>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request).then(([code, body]) =>
        response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      );
    });
  }

  static async start(): Promise<KubernetesInMemory> {
    const one = new KubernetesInMemory();
    await new Promise<void>((resolve) => one.server.listen(0, '127.0.0.1', resolve));
    return one;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage): Promise<readonly [number, Json]> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const told = DISCOVERY[pathname];
    if (told !== undefined) return [200, told];
    const body = await text(request);
    const given = (body === '' ? {} : JSON.parse(body)) as Json;
    const there = this.objects.get(pathname);
    switch (request.method) {
      case 'POST': {
        const path = `${pathname}/${(given['metadata'] as Json)['name'] as string}`;
        if (this.objects.has(path)) return refusal(409, 'AlreadyExists', path);
        const made = asMade(given);
        this.objects.set(path, made);
        return [201, made];
      }
      case 'PUT':
      case 'PATCH': {
        if (there === undefined) return refusal(404, 'NotFound', pathname);
        const after = (request.method === 'PUT' ? given : merged(there, given)) as Json;
        if (after['kind'] === 'Job' && !isDeepStrictEqual(after['spec'], there['spec'])) {
          return refusal(422, 'Invalid', `${pathname}: field is immutable`);
        }
        this.objects.set(pathname, after);
        return [200, after];
      }
      case 'DELETE':
        if (!this.objects.delete(pathname)) return refusal(404, 'NotFound', pathname);
        return [200, { kind: 'Status', apiVersion: 'v1', status: 'Success' }];
      default: {
        if (there !== undefined) return [200, there];
        if (!/\/\w+s$/.test(pathname) || searchParams.get('labelSelector') === null) {
          return refusal(404, 'NotFound', pathname);
        }
        return [200, this.list(pathname, searchParams.get('labelSelector') ?? '')];
      }
    }
  }

  private list(path: string, selector: string): Json {
    const wanted = selector.split(',').map((one) => one.split('='));
    const items = [...this.objects].flatMap(([at, object]) => {
      const labels = ((object['metadata'] as Json)['labels'] ?? {}) as Json;
      const fits = at.startsWith(`${path}/`) && wanted.every(([key = '', value]) => labels[key] === value);
      return fits ? [object] : [];
    });
    return { kind: 'SecretList', apiVersion: 'v1', metadata: {}, items };
  }
}

/** A Job gets labels and defaults of Kubernetes' own. */
function asMade(given: Json): Json {
  if (given['kind'] !== 'Job') return given;
  const labels = { 'controller-uid': 'a-uid' };
  const own = { selector: { matchLabels: labels }, template: { metadata: { labels } } };
  return merged(given, { spec: own }) as Json;
}

const refusal = (code: number, reason: string, message: string) =>
  [code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code }] as const;
