/** The chart of k8s/helm, rendered by the real Helm: what it promises stands in the manifests, and Kubernetes takes them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IContainer } from 'kubernetes-models/v1/Container';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseEnvironment } from '#common/config/environment.js';
import { readComposeFile } from '../test/support/compose.js';
import {
  CHART,
  containerOf,
  containersOf,
  helm,
  HELM_RUNS_HERE,
  ofKind,
  podOf,
  render,
  template,
  the,
  workloads,
  type Manifest,
  type Workload,
} from '../test/support/helm-chart.js';
import { faultsOf } from '../test/support/kubernetes-schemas.js';
import { ROOT } from './root.js';
import { fieldsOf, SERVICE_ENVIRONMENTS, SETTING_GROUPS } from './setting-catalogue.js';

const MASTER = 'task-system-master';
const SLAVE = 'task-system-slave';

/** As the document of the system that this chart takes the place of has it. */
const CUSTOM_VALUES = `
postgresql:
  auth:
    password: "your-secure-password"
  replicas: 2
  
taskExecutor:
  replicas: 2

jobA:
  image:
    repository: your-registry/job-a
    tag: v1.0.0
`;

const SERVICES = {
  store: 'store-service',
  scheduler: 'scheduler-service',
  'task-executor': 'executor-service',
} as const;

const secretOf = (manifests: readonly Manifest[], name: string, key: string, namespace = MASTER) =>
  Buffer.from(the(manifests, 'Secret', name, namespace).data?.[key] ?? '', 'base64').toString();

/** What the container has in its environment, with what its Secrets hold. */
function environmentOf(manifests: readonly Manifest[], { env = [] }: IContainer, namespace = MASTER) {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      const { name: secret = '', key = '' } = valueFrom?.secretKeyRef ?? {};
      return [name, secret === '' ? value : secretOf(manifests, secret, key, namespace)];
    }),
  );
}

interface Task {
  readonly payload: { readonly command: string; readonly env: object };
}

const tasksOf = (manifests: readonly Manifest[], job: string) =>
  (parse(the(manifests, 'ConfigMap', job).data?.['tasks.yaml'] ?? '') as { jobs: Task[] }).jobs;

const imageOf = (workload: Workload) => podOf(workload).containers[0]?.image;

const named = (workload: Workload) => `${workload.metadata?.namespace} ${workload.metadata?.name}`;

describe.skipIf(!HELM_RUNS_HERE)('the chart', () => {
  let defaults: Manifest[];
  let all: Workload[];
  beforeAll(() => {
    defaults = render();
    all = workloads(defaults);
  });

  test('has nothing that Helm complains of', () => {
    expect(helm(['lint', '--strict', './task-system'])).toMatchObject({ code: 0 });
  });

  test.each([
    ['the defaults', {}],
    [
      'everything that can be turned on',
      {
        taskExecutor: {
          autoscaling: { enabled: true },
          env: { EXECUTOR_SLOTS: '5' },
          envFrom: [{ secretRef: { name: 'mail' } }],
        },
        zookeeper: { replicas: 3, persistence: { storageClass: 'fast' } },
        store: { service: { type: 'LoadBalancer' } },
        image: { pullSecrets: ['registry'] },
      },
    ],
  ])('renders what Kubernetes takes: %s', async (_what, values) => {
    expect(await faultsOf(render(values))).toEqual([]);
  });

  test('the check of manifests finds wrong values, missing fields and unknown ones', async () => {
    const [service, job, budget] = structuredClone([
      the(defaults, 'Service', 'redis'),
      the(defaults, 'Job', 'job-a'),
      the(defaults, 'PodDisruptionBudget', 'store'),
    ] as const);
    Object.assign(service.spec?.ports?.[0] ?? {}, { port: '6379' });
    Object.assign(podOf(job), { containers: undefined });
    Object.assign(budget.spec ?? {}, { maxUnavailible: 1 });
    const faults = await faultsOf([service, job, budget]);
    expect(faults.join('\n')).toMatch(
      /Service redis: .*port[^]*Job job-a: .*containers[^]*PodDisruptionBudget store: .*maxUnavailible/,
    );
  });

  test('makes two namespaces, with the same in each, that name nothing of each other', () => {
    expect(ofKind(defaults, 'Namespace').map(({ metadata }) => metadata?.name)).toEqual([MASTER, SLAVE]);
    const within = (namespace: string) =>
      defaults.filter(({ metadata }) => metadata?.namespace === namespace);
    const titles = (namespace: string) =>
      within(namespace)
        .map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
        .sort();
    expect(titles(SLAVE)).toEqual(titles(MASTER));
    expect(new Set(titles(MASTER)).size).toBe(titles(MASTER).length);
    expect(titles(MASTER)).toEqual(
      expect.arrayContaining(['StatefulSet postgres', 'StatefulSet redis', 'StatefulSet zookeeper']),
    );
    expect(within(MASTER).length + within(SLAVE).length + 2).toBe(defaults.length);
    expect(JSON.stringify(within(MASTER))).not.toContain(SLAVE);
    expect(JSON.stringify(within(SLAVE))).not.toContain(MASTER);
  });

  test('makes the master alone when replication is disabled', () => {
    const manifests = render({ replication: { enabled: false } });
    expect(JSON.stringify(manifests)).not.toContain(SLAVE);
    expect(manifests.length).toBe(defaults.length / 2);
  });

  test('takes the custom values of the document', () => {
    const manifests = render(CUSTOM_VALUES);
    for (const namespace of [MASTER, SLAVE]) {
      expect(secretOf(manifests, 'postgres', 'password', namespace)).toBe('your-secure-password');
      expect(imageOf(the(manifests, 'Job', 'job-a', namespace))).toBe('your-registry/job-a:v1.0.0');
      expect(imageOf(the(manifests, 'Job', 'job-b', namespace))).toBe('job-b:latest');
      expect(the(manifests, 'StatefulSet', 'postgres', namespace).spec?.replicas).toBe(2);
      expect(the(manifests, 'Deployment', 'task-executor', namespace).spec?.replicas).toBe(2);
    }
  });

  test('takes every value of the document from the command line', () => {
    const image = { repository: 'registry.example:5000/ours', tag: 'v2' };
    const of = (value: string) => Object.entries(image).map(([key, text]) => `${value}.image.${key}=${text}`);
    const given = [
      'postgresql.replicas=3',
      'postgresql.persistence.size=3Gi',
      'postgresql.auth.database=other',
      'postgresql.auth.username=somebody',
      'taskExecutor.replicas=0',
      ...['taskExecutor', 'jobA', 'jobB', 'jobC'].flatMap(of),
      'replication.namespaces.master=one',
      'replication.namespaces.slave=two',
    ];
    const manifests = render({}, '--set', given.join(','));
    const postgres = the(manifests, 'StatefulSet', 'postgres', 'one').spec;
    expect(postgres?.replicas).toBe(3);
    expect(postgres?.volumeClaimTemplates?.[0]?.spec?.resources).toEqual({ requests: { storage: '3Gi' } });
    expect(secretOf(manifests, 'postgres', 'url', 'one')).toMatch(
      /^postgresql:\/\/somebody:\w{40}@postgres-service:5432\/other$/,
    );
    const executor = the(manifests, 'Deployment', 'task-executor', 'one');
    expect(executor.spec?.replicas).toBe(0);
    const jobs = ['job-a', 'job-b', 'job-c'].map((name) => the(manifests, 'Job', name, 'one'));
    for (const workload of [executor, ...jobs]) {
      expect(imageOf(workload), named(workload)).toBe('registry.example:5000/ours:v2');
    }
    expect(ofKind(manifests, 'Namespace').map(({ metadata }) => metadata?.name)).toEqual(['one', 'two']);
    expect(JSON.stringify(manifests)).not.toMatch(/task-system-(master|slave)/);
  });

  test('goes into namespaces that are there, without executors, with any password and any commands', () => {
    const commands = ['echo "a" && echo <b> $(date) \'{{ c }}\'\necho d', '# {"e": 1}'];
    const manifests = render({
      replication: { createNamespaces: false },
      taskExecutor: { enabled: false },
      postgresql: { auth: { password: 'a/b c@d' } },
      jobA: { commands },
    });
    expect(ofKind(manifests, 'Namespace')).toEqual([]);
    expect(manifests.map(({ metadata }) => metadata?.name)).not.toContain('task-executor');
    expect(secretOf(manifests, 'postgres', 'url')).toBe(
      'postgresql://postgres:a%2Fb%20c%40d@postgres-service:5432/taskdb',
    );
    expect(tasksOf(manifests, 'job-a').map(({ payload }) => payload.command)).toEqual(commands);
  });

  test('uses databases from elsewhere when its own are disabled', () => {
    const external = { master: 'postgresql://a:b@one/x', slave: 'postgresql://a:b@two/x' };
    const manifests = render({ postgresql: { enabled: false, external } });
    expect(ofKind(manifests, 'StatefulSet').map(({ metadata }) => metadata?.name)).not.toContain('postgres');
    expect(secretOf(manifests, 'postgres', 'url', MASTER)).toBe(external.master);
    expect(secretOf(manifests, 'postgres', 'url', SLAVE)).toBe(external.slave);
    // The volumes of an earlier server of the chart have it; without it nobody could ever read them again.
    expect(secretOf(manifests, 'postgres', 'password')).toMatch(/^\w{40}$/);
  });

  test('refuses values that cannot be, and names each of them', () => {
    const refused = [
      ['taskExecutor.replicas=two', 'taskExecutor.replicas: Invalid type. Expected: integer, given: string'],
      ['postgresql.replicas=0', 'postgresql.replicas: Must be greater than or equal to 1'],
      ['store.replicas=0', 'store.replicas: Must be greater than or equal to 1'],
      ['scheduler.replicas=0', 'scheduler.replicas: Must be greater than or equal to 1'],
      ['shutdownGraceSeconds=-1', 'shutdownGraceSeconds: Must be greater than or equal to 0'],
      ['postgresql.persistence.size=big', 'postgresql.persistence.size: Does not match pattern'],
      ['postgresql.auth.username=a b', 'postgresql.auth.username: Does not match pattern'],
      ['postgresql.pasword=x', 'postgresql: Additional property pasword is not allowed'],
      ['replication.enabled=perhaps', 'replication.enabled: Invalid type. Expected: boolean, given: string'],
      ['replication.namespaces.master=Big_Name', 'replication.namespaces.master: Does not match pattern'],
      ['jobA.image.tag=', 'jobA.image.tag: Does not match pattern'],
      ['jobB=null', '(root): jobB is required'],
      ['zookeeper.replicas=2', 'zookeeper.replicas must be one of the following: 1, 3, 5'],
      // Redis would take it for a setting of its own.
      ['redis.auth.password=--x', 'redis.auth.password: Does not match pattern'],
      ['store.apiKey=short', 'store.apiKey: Does not match pattern'],
      ['store.env.DATABASE_URL=x', 'store.env: Property name of "DATABASE_URL" does not match'],
      ['image.pullPolicy=Sometimes', 'image.pullPolicy must be one of the following'],
      [
        'taskExecutor.env.EXECUTOR_SLOTS=5',
        'taskExecutor.env.EXECUTOR_SLOTS: Invalid type. Expected: string',
      ],
    ] as const;
    const { code, stderr } = template({}, '--set', refused.map(([set]) => set).join(','));
    expect(code).not.toBe(0);
    for (const [set, message] of refused) expect.soft(stderr, set).toContain(message);
  });

  test.each([
    [
      'postgresql.enabled=false',
      'postgresql.external.master: must be a postgresql:// URL when postgresql.enabled is false',
    ],
    ['replication.namespaces.slave=task-system-master', 'replication.namespaces.slave: must differ from'],
    [
      'taskExecutor.autoscaling.enabled=true,taskExecutor.autoscaling.maxReplicas=1',
      'taskExecutor.autoscaling.maxReplicas: must not be less',
    ],
  ])('refuses %s, which does not fit another value', (set, message) => {
    const { code, stderr } = template({}, '--set', set);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  test('holds no secret, and makes one for each namespace and installation that Helm keeps', () => {
    const secrets = (manifests: readonly Manifest[]) =>
      ofKind(manifests, 'Secret').flatMap(({ data = {} }) => Object.values(data));
    expect(secrets(defaults)).toHaveLength(8);
    expect(new Set([...secrets(defaults), ...secrets(render())]).size).toBe(16);
    for (const secret of ofKind(defaults, 'Secret')) {
      expect(secret.metadata?.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    }
    const others = JSON.stringify(defaults.filter(({ kind }) => kind !== 'Secret'));
    for (const secret of secrets(defaults)) {
      expect(others).not.toContain(secret);
      expect(others).not.toContain(Buffer.from(secret, 'base64').toString());
    }
  });

  test('starts a pod anew when a password of it changes', () => {
    const annotation = (manifests: readonly Manifest[]) =>
      the(manifests, 'Deployment', 'store').spec?.template.metadata?.annotations;
    const fixed = { postgresql: { auth: { password: 'a' } }, store: { apiKey: 'k'.repeat(32) } };
    const before = annotation(render(fixed));
    expect(annotation(render(fixed))).toEqual(before);
    expect(annotation(render(fixed, '--set', 'postgresql.auth.password=b'))).not.toEqual(before);
  });

  test('gives no container more rights than it needs, and no pod a token of the cluster by itself', () => {
    for (const workload of all) {
      const pod = podOf(workload);
      expect(pod.securityContext, named(workload)).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.securityContext?.runAsUser, named(workload)).toBeGreaterThan(0);
      expect(pod.automountServiceAccountToken, named(workload)).toBe(false);
      for (const { name, securityContext } of containersOf(workload)) {
        expect(securityContext, name).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: name !== 'zookeeper',
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  test('keeps the addresses of Services out of the environment, whose names are settings', () => {
    for (const workload of all) expect(podOf(workload).enableServiceLinks, named(workload)).toBe(false);
  });

  test('says what every container needs, and at most gets', () => {
    for (const { name, resources } of all.flatMap(containersOf)) {
      for (const kind of [resources?.requests, resources?.limits]) {
        expect(kind, name).toEqual({ cpu: expect.any(String), memory: expect.any(String) });
      }
    }
  });

  test('asks every service whether it lives, and whether it can do its work', () => {
    for (const workload of ofKind(defaults, 'Deployment')) {
      const [container] = podOf(workload).containers;
      expect(container?.livenessProbe?.httpGet, named(workload)).toEqual({
        path: '/health/live',
        port: 'http',
      });
      expect(container?.readinessProbe?.httpGet, named(workload)).toEqual({
        path: '/health/ready',
        port: 'http',
      });
    }
    for (const workload of ofKind(defaults, 'StatefulSet')) {
      const [container] = podOf(workload).containers;
      expect(container?.livenessProbe, named(workload)).toBeDefined();
      expect(container?.readinessProbe, named(workload)).toBeDefined();
    }
  });

  test('gives services longer to end than they give their jobs', () => {
    for (const workload of ofKind(render({ shutdownGraceSeconds: 100 }), 'Deployment')) {
      const [container] = podOf(workload).containers;
      const grace = container?.env?.find(({ name }) => name === 'SHUTDOWN_GRACE_MS')?.value;
      expect(grace, named(workload)).toBe('100000');
      expect(podOf(workload).terminationGracePeriodSeconds, named(workload)).toBeGreaterThanOrEqual(115);
    }
  });

  test('lets a node be emptied without taking all of a service at once', () => {
    const budgets = ofKind(defaults, 'PodDisruptionBudget');
    for (const name of ['store', 'scheduler', 'task-executor', 'postgres']) {
      const budget = budgets.find(({ metadata }) => metadata?.name === name);
      expect(budget?.spec, name).toEqual({ maxUnavailable: 1, selector: { matchLabels: { app: name } } });
    }
  });

  test('finds every pod by the selector of its workload, Service and budget', () => {
    const labels = all.map((workload) => ({
      of: workload,
      labels: workload.spec?.template.metadata?.labels ?? {},
    }));
    const fits = (namespace: string | undefined, selector: Readonly<Record<string, string>> = {}) =>
      labels.filter(
        ({ of, labels }) =>
          of.metadata?.namespace === namespace &&
          // The StatefulSet's controller adds this one.
          Object.entries(selector).every(
            ([key, value]) => key.startsWith('statefulset.') || labels[key] === value,
          ),
      );
    for (const { metadata, spec } of ofKind(defaults, 'Service')) {
      const [pods, ...more] = fits(metadata?.namespace, spec?.selector);
      expect(more, metadata?.name).toEqual([]);
      const ports = pods && podOf(pods.of).containers[0]?.ports?.map(({ name }) => name);
      expect(ports, metadata?.name).toEqual(
        expect.arrayContaining(spec?.ports?.map(({ targetPort }) => targetPort) ?? []),
      );
    }
    for (const workload of [...ofKind(defaults, 'Deployment'), ...ofKind(defaults, 'StatefulSet')]) {
      const { name, namespace } = workload.metadata ?? {};
      expect(workload.spec?.selector.matchLabels).toEqual({ app: name });
      expect(fits(namespace, { app: name ?? '' })).toEqual([{ of: workload, labels: { app: name } }]);
    }
  });

  describe('of the services', () => {
    test.each(Object.entries(SERVICES))(
      '%s gets settings that it knows, and starts with them',
      (name, service) => {
        const workload = the(defaults, 'Deployment', name);
        const environment = environmentOf(defaults, containerOf(workload, name));
        const forPeople = SETTING_GROUPS.find(({ heading }) => heading === 'Command line')?.settings ?? [];
        const known = [
          ...Object.keys(fieldsOf(SERVICE_ENVIRONMENTS[service])),
          ...forPeople.map(({ name }) => name),
          'NODE_OPTIONS',
        ];
        expect(Object.keys(environment).filter((setting) => !known.includes(setting))).toEqual([]);
        const settings = parseEnvironment(SERVICE_ENVIRONMENTS[service], environment);
        expect(settings.DATABASE_URL).toMatch(/^postgresql:\/\/postgres:\w+@postgres-service:5432\/taskdb$/);
        expect(settings.ZOOKEEPER_HOST).toBe('zookeeper-0.zookeeper:2181');
        if ('REDIS_HOST' in settings) {
          expect(`${settings.REDIS_HOST}:${settings.REDIS_PORT}`).toBe('redis:6379');
          expect(settings.REDIS_PASSWORD).toBe(secretOf(defaults, 'redis', 'password'));
        }
        const port = containerOf(workload, name).ports?.find((one) => one.name === 'http')?.containerPort;
        expect(environment).toMatchObject({ [`${service.replace('-', '_').toUpperCase()}_HOST`]: '0.0.0.0' });
        expect(environment).toMatchObject({
          [`${service.replace('-', '_').toUpperCase()}_PORT`]: String(port),
        });
        expect(containerOf(workload, name).args).toEqual(['node', `dist/apps/${service}/src/main.js`]);
      },
    );

    test('the stores share one Service, and only they and the jobs have the key', () => {
      expect(the(defaults, 'Deployment', 'store').spec?.replicas).toBe(2);
      expect(the(defaults, 'Service', 'store-service').spec?.selector).toEqual({ app: 'store' });
      const withKey = all
        .filter((workload) => JSON.stringify(workload).includes('"api-key"'))
        .map(({ metadata }) => metadata?.name);
      expect(new Set(withKey)).toEqual(new Set(['store', 'job-a', 'job-b', 'job-c']));
    });

    test('two executors, or from 2 to 10 by their load, and then nothing else says how many', () => {
      expect(the(defaults, 'Deployment', 'task-executor').spec?.replicas).toBe(2);
      expect(ofKind(defaults, 'HorizontalPodAutoscaler')).toEqual([]);
      const scaled = render({ taskExecutor: { autoscaling: { enabled: true } } });
      expect(the(scaled, 'Deployment', 'task-executor').spec).not.toHaveProperty('replicas');
      expect(the(scaled, 'HorizontalPodAutoscaler', 'task-executor').spec).toMatchObject({
        scaleTargetRef: { kind: 'Deployment', name: 'task-executor' },
        minReplicas: 2,
        maxReplicas: 10,
        metrics: [{ resource: { name: 'cpu' } }],
      });
    });

    test('settings of the user go before those of the chart', () => {
      const manifests = render({
        scheduler: { env: { RETENTION_DEAD: '1d', NODE_OPTIONS: '--trace-warnings' } },
      });
      const environment = environmentOf(
        manifests,
        containerOf(the(manifests, 'Deployment', 'scheduler'), 'scheduler'),
      );
      expect(environment).toMatchObject({ RETENTION_DEAD: '1d', NODE_OPTIONS: '--trace-warnings' });
    });
  });

  describe('of the servers', () => {
    test('Postgres is asked with pg_isready, and its Service leads to the primary alone', () => {
      const postgres = the(defaults, 'StatefulSet', 'postgres');
      const container = containerOf(postgres, 'postgres');
      expect(container.readinessProbe?.exec?.command?.slice(0, 3)).toEqual(['pg_isready', '-U', 'postgres']);
      expect(container.livenessProbe?.exec?.command?.join(' ')).toContain('pg_isready -U postgres');
      expect(postgres.spec?.volumeClaimTemplates?.[0]?.spec?.resources).toEqual({
        requests: { storage: '1Gi' },
      });
      expect(the(defaults, 'Service', 'postgres-service').spec?.selector).toEqual({
        app: 'postgres',
        'statefulset.kubernetes.io/pod-name': 'postgres-0',
      });
      expect(postgres.spec?.serviceName).toBe(the(defaults, 'Service', 'postgres-nodes').metadata?.name);
    });

    test('Redis writes all it has to a volume, and evicts nothing', () => {
      const redis = the(defaults, 'StatefulSet', 'redis');
      const { args = [], volumeMounts } = containerOf(redis, 'redis');
      const settings = args.join(' ');
      expect(settings).toContain('--appendonly yes');
      expect(settings).toContain('--maxmemory-policy noeviction');
      expect(volumeMounts).toContainEqual({ name: 'data', mountPath: '/data' });
      expect(redis.spec?.volumeClaimTemplates).toHaveLength(1);
    });

    test('ZooKeeper keeps its sessions on a volume, and three of it know each other', () => {
      const manifests = render({ zookeeper: { replicas: 3 } });
      const zookeeper = the(manifests, 'StatefulSet', 'zookeeper');
      expect(zookeeper.spec?.volumeClaimTemplates).toHaveLength(1);
      expect(environmentOf(manifests, containerOf(zookeeper, 'zookeeper'))['ZOO_SERVERS']).toBe(
        [1, 2, 3].map((id) => `server.${id}=zookeeper-${id - 1}.zookeeper:2888:3888;2181`).join(' '),
      );
      const store = environmentOf(manifests, containerOf(the(manifests, 'Deployment', 'store'), 'store'));
      expect(store['ZOOKEEPER_HOST']).toBe([0, 1, 2].map((id) => `zookeeper-${id}.zookeeper:2181`).join(','));
    });

    test('their images are those of docker-compose.yaml', () => {
      const { services } = readComposeFile(join(ROOT, 'docker-compose.yaml'));
      for (const name of ['postgres', 'redis', 'zookeeper']) {
        expect(imageOf(the(defaults, 'StatefulSet', name))).toBe(services[name]?.image);
      }
    });
  });

  describe('of the jobs', () => {
    test.each([
      ['job-a', undefined],
      ['job-b', 'job-a'],
      ['job-c', 'job-b'],
    ])('%s waits for %s and for a store, then submits three tasks in its name', (name, before) => {
      const job = the(defaults, 'Job', name);
      const waits = podOf(job).initContainers?.map((container) => container.name);
      expect(waits).toEqual([...(before === undefined ? [] : [`wait-for-${before}`]), 'wait-for-store']);
      if (before !== undefined) expect(containerOf(job, `wait-for-${before}`).args?.at(-1)).toBe(before);
      expect(tasksOf(defaults, name).map(({ payload }) => payload.env)).toEqual(
        Array.from({ length: 3 }, () => ({ created_by: name })),
      );
    });

    test('may look at the two Jobs that are waited for, and at nothing else', () => {
      const rule = {
        apiGroups: ['batch'],
        resources: ['jobs'],
        resourceNames: ['job-a', 'job-b'],
        verbs: ['get'],
      };
      expect(ofKind(defaults, 'Role').map(({ rules }) => rules)).toEqual([[rule], [rule]]);
      for (const namespace of [MASTER, SLAVE]) {
        const binding = the(defaults, 'RoleBinding', 'job-waiter', namespace);
        expect(binding.subjects).toEqual([{ kind: 'ServiceAccount', name: 'job-waiter', namespace }]);
        expect(binding.roleRef.name).toBe(the(defaults, 'Role', 'job-waiter', namespace).metadata?.name);
      }
      const accounts = all.filter((workload) => podOf(workload).serviceAccountName !== undefined);
      expect(accounts.map(named)).toEqual(
        [MASTER, SLAVE].flatMap((namespace) => [`${namespace} job-b`, `${namespace} job-c`]),
      );
      const withToken = all
        .flatMap(containersOf)
        .filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => name === 'token'));
      expect(new Set(withToken.map(({ name }) => name))).toEqual(
        new Set(['wait-for-job-a', 'wait-for-job-b']),
      );
    });

    test('stay when they have ended: what they printed can be read, and an upgrade repeats nothing', () => {
      for (const job of ofKind(defaults, 'Job'))
        expect(job.spec).not.toHaveProperty('ttlSecondsAfterFinished');
    });
  });

  test('is of the version of the system that it installs', () => {
    const { appVersion } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { appVersion: string };
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(appVersion).toBe(version);
  });

  test('has the values and defaults that its page tells of', () => {
    const page = readFileSync(join(ROOT, 'docs/migrating/kubernetes-master-slave.md'), 'utf8');
    const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as unknown;
    const told = [...page.matchAll(/^\| `([a-zA-Z]+(?:\.[a-zA-Z]+)+)` +\| `([^`]*)` +\|/gm)];
    expect(told.length).toBeGreaterThan(20);
    for (const [, path = '', value = ''] of told) {
      const found = path
        .split('.')
        .reduce((inside: unknown, key) => (inside as Record<string, unknown> | undefined)?.[key], values);
      expect(found, path).toEqual(parse(value));
    }
  });
});
