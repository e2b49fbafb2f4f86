/** docker-compose.yaml, checked by everything but a Docker engine: its schema, a linter, and the services' own schemas. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { parse as parseEnvFile } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { parseEnvironment } from '#common/config/environment.js';
import { NO_CREDENTIALS } from '#tools/provision/docker.js';
import { ROOT } from '#tools/root.js';
import { fieldsOf, SERVICE_ENVIRONMENTS } from '#tools/setting-catalogue.js';
import { readComposeFile, renderComposeFile, variablesOf, type ComposeService } from '../support/compose.js';

const FILE = join(ROOT, 'docker-compose.yaml');
const PASSWORDS = {
  POSTGRES_PASSWORD: 'aaaa',
  REDIS_PASSWORD: 'bbbb',
  STORE_BOOTSTRAP_KEY: 'c'.repeat(48),
};
const ENSEMBLE = ['zookeeper-1', 'zookeeper-2', 'zookeeper-3'];

/** Environment names of the system that docker-compose.yaml takes the place of. */
const OLDER_NAMES =
  'STORE_SERVICE_PORT STORE_SERVICE_URL REDIS_HOST REDIS_PORT DATABASE_URL ZOOKEEPER_HOST NODE_ENV LOG_LEVEL POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB ZOOKEEPER_CLIENT_PORT ZOOKEEPER_TICK_TIME'.split(
    ' ',
  );

const written = readComposeFile(FILE);
const rendered = renderComposeFile(FILE, PASSWORDS);
const services = Object.entries(rendered.services);

function service(name: string): ComposeService {
  const found = rendered.services[name];
  if (found === undefined) throw new Error(`there is no service ${name}`);
  return found;
}

function environmentOf(name: string): Record<string, string> {
  const set = Object.entries(service(name).environment ?? {});
  return Object.fromEntries(set.map(([key, value]) => [key, String(value ?? '')]));
}

const seconds = (duration = ''): number => {
  const [, amount, unit] = /^(\d+)(s|m)$/.exec(duration) ?? [];
  return Number(amount) * (unit === 'm' ? 60 : 1);
};

describe('docker-compose.yaml', () => {
  it('follows the schema of Compose files and the rules of the linter', () => {
    const rules = {
      // Here the order tells a story: servers, then the migration, then the services.
      'services-alphabetical-order': 0,
      'service-keys-order': 0,
      'top-level-properties-order': 0,
    } as const;
    const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] });
    expect(linter.lintFiles([FILE], false)).toEqual([expect.objectContaining({ messages: [] })]);
  });

  it('has the services that people of the older system know, and a migration', () => {
    const always = services.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name);
    expect(always).toEqual([
      'postgres',
      'redis',
      'zookeeper',
      'migrate',
      'store-service',
      'scheduler-service',
      'executor-service',
      'worker',
    ]);
  });

  it('has workers only when they are asked for by --scale, and then they are executors', () => {
    const { deploy, ...worker } = service('worker');
    expect(deploy).toEqual({ replicas: 0 });
    expect(worker).toEqual(service('executor-service'));
    expect(services.filter(([name, one]) => name !== 'worker' && 'deploy' in one)).toEqual([]);
  });

  it('knows every environment name of the older system', () => {
    const names = new Set([
      ...variablesOf(written).map(({ name }) => name),
      ...services.flatMap(([, { environment }]) => Object.keys(environment ?? {})),
    ]);
    expect(OLDER_NAMES.filter((name) => !names.has(name))).toEqual([]);
  });

  it('gives each variable a default or demands it, and .env.example tells of each', () => {
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const variables = variablesOf(written);
    expect(variables.filter(({ modifier }) => !/^:(-|\?.)/.test(modifier))).toEqual([]);
    const untold = variables.filter(({ name }) => !new RegExp(`^(# )?${name}=`, 'm').test(example));
    expect(untold).toEqual([]);
  });

  it('holds no password, and says what to do when there is none', () => {
    for (const name of Object.keys(PASSWORDS)) {
      const others = Object.fromEntries(Object.entries(PASSWORDS).filter(([other]) => other !== name));
      expect(() => renderComposeFile(FILE, others)).toThrow(`${name}: copy .env.example to .env and set it`);
    }
    const secrets = Object.values(written.services).flatMap(({ environment }) =>
      Object.entries(environment ?? {}).filter(([name]) => /PASSWORD|AUTH|SECRET|TOKEN|_KEY$/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter(([, value]) => !/^\$\{\w+:\?[^}]+\}$/.test(String(value)))).toEqual([]);
  });

  it('demands nothing that `make start` does not give it, which uses its servers alone', () => {
    expect(renderComposeFile(FILE, NO_CREDENTIALS).services).toHaveProperty('postgres');
  });

  it('lets every service be scaled: no fixed names, no network of the host, a published port on the store alone', () => {
    const keys = services.flatMap(([, one]) => Object.keys(one));
    expect(keys.filter((key) => /^(container_name|network_mode|hostname)$/.test(key))).toEqual([]);
    expect(service('store-service').ports).toEqual(['127.0.0.1:50051:50051', '127.0.0.1:3000:3000']);
    expect(service('scheduler-service').ports).toBeUndefined();
    expect(service('executor-service').ports).toBeUndefined();
  });

  it('publishes on loopback only, on ports that settings move', () => {
    const moved = {
      POSTGRES_PORT: '1',
      REDIS_PORT: '2',
      ZOOKEEPER_PORT: '3',
      STORE_SERVICE_PORT: '4-6',
      SERVER_PORT: '8-9',
    };
    const ports = (variables: Record<string, string>) =>
      Object.values(renderComposeFile(FILE, { ...PASSWORDS, ...variables }).services).flatMap(
        (one) => one.ports ?? [],
      );
    expect(ports({})).toEqual([
      '127.0.0.1:5432:5432',
      '127.0.0.1:6379:6379',
      '127.0.0.1:2181:2181',
      '127.0.0.1:50051:50051',
      '127.0.0.1:3000:3000',
    ]);
    expect(ports(moved)).toEqual([
      '127.0.0.1:1:5432',
      '127.0.0.1:2:6379',
      '127.0.0.1:3:2181',
      '127.0.0.1:8-9:50051',
      '127.0.0.1:4-6:3000',
    ]);
    expect(ports({ ZOOKEEPER_CLIENT_PORT: '7' })).toContain('127.0.0.1:7:2181');
  });

  it('restarts everything but the migration, looks after its health, and pins its images', () => {
    const lasting = services.filter(([name]) => name !== 'migrate');
    expect(service('migrate').restart).toBe('no');
    expect(lasting.filter(([, { restart }]) => restart !== 'unless-stopped')).toEqual([]);
    expect(lasting.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([]);
    const loose = services.filter(
      ([, { image, build }]) => build !== '.' && !/^[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/.test(image ?? ''),
    );
    expect(loose).toEqual([]);
  });

  it('declares every volume that it uses, and Postgres 18 gets its own above the data folder', () => {
    const used = services.flatMap(([, { volumes }]) => volumes ?? []).map((volume) => volume.split(':')[0]);
    expect(new Set(Object.keys(rendered.volumes))).toEqual(new Set(used));
    expect(service('postgres').volumes).toEqual(['postgres_data:/var/lib/postgresql']);
  });

  it('keeps what Redis is told: a password, an append-only file, nothing evicted', () => {
    const command = service('redis').command?.join(' ');
    expect(command).toContain(`--requirepass ${PASSWORDS.REDIS_PASSWORD}`);
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  it('has an ensemble of three ZooKeeper servers that know each other', () => {
    const ensemble = services.filter(([, { profiles }]) => profiles?.includes('ensemble'));
    expect(ensemble.map(([name]) => name)).toEqual(ENSEMBLE);
    for (const [index, name] of ENSEMBLE.entries()) {
      const { ZOO_MY_ID, ZOO_SERVERS = '' } = environmentOf(name);
      expect(ZOO_MY_ID).toBe(String(index + 1));
      expect(ZOO_SERVERS.split(' ')).toEqual(
        ENSEMBLE.map((peer, at) => `server.${at + 1}=${peer}:2888:3888;2181`),
      );
    }
    const ZOOKEEPER_HOST = ENSEMBLE.map((name) => `${name}:2181`).join(',');
    const used = renderComposeFile(FILE, { ...PASSWORDS, ZOOKEEPER_HOST }).services['scheduler-service'];
    expect(used?.environment?.['ZOOKEEPER_HOST']).toBe(ZOOKEEPER_HOST);
  });
});

describe.each(Object.entries(SERVICE_ENVIRONMENTS))('the %s in a container', (name, schema) => {
  /** Settings that say where Redis is in other ways, and the name of a process, which scaled services cannot share. */
  const LEFT_OUT = ['INSTANCE_ID', 'REDIS_ADDR', 'REDIS_URL', 'REDIS_USERNAME'];
  const kind = name.replace('-service', '').toUpperCase();

  it('is given settings that it accepts, and none that it does not know', () => {
    const settings = parseEnvironment(schema, environmentOf(name)) as Record<string, unknown>;
    expect(settings).toMatchObject({
      DATABASE_URL: `postgresql://triumvir:${PASSWORDS.POSTGRES_PASSWORD}@postgres:5432/triumvir`,
      ZOOKEEPER_HOST: 'zookeeper:2181',
      [`${kind}_SERVICE_HOST`]: '0.0.0.0',
    });
    // Node's own, and those of the command line.
    const others = ['NODE_OPTIONS', 'STORE_SERVICE_URL', 'TRIUMVIR_API_KEY'];
    const known = [...Object.keys(fieldsOf(schema)), ...others];
    expect(known).toEqual(expect.arrayContaining(Object.keys(environmentOf(name))));
  });

  it('can be given every setting that it has', () => {
    const passed = Object.keys(environmentOf(name));
    const missing = Object.keys(fieldsOf(schema)).filter((one) => !passed.includes(one));
    expect(LEFT_OUT).toEqual(expect.arrayContaining(missing));
  });

  it('waits for the migration, and for no other service', () => {
    const { migrate, ...servers } = service(name).depends_on ?? {};
    expect(migrate?.condition).toBe('service_completed_successfully');
    expect(['redis', 'zookeeper']).toEqual(expect.arrayContaining(Object.keys(servers)));
  });

  it('is asked whether it is ready on the port that it listens on', () => {
    const port = environmentOf(name)[`${kind}_SERVICE_PORT`];
    expect(service(name).healthcheck?.test.at(-1)).toContain(`http://127.0.0.1:${port}/health/ready`);
  });

  it('runs a program that is there, and may take as long to stop as its jobs', () => {
    const [program, script = ''] = service(name).command ?? [];
    expect(program).toBe('node');
    expect(sourceOf(script)).toSatisfy(existsSync);
    if (name !== 'executor-service') return;
    const { SHUTDOWN_GRACE_MS, EXECUTOR_KILL_GRACE_MS } = parseEnvironment(
      SERVICE_ENVIRONMENTS['executor-service'],
      environmentOf(name),
    );
    const needed = (SHUTDOWN_GRACE_MS + EXECUTOR_KILL_GRACE_MS) / 1000;
    expect(seconds(service(name).stop_grace_period)).toBeGreaterThan(needed);
  });
});

describe('the Dockerfile', () => {
  const lines = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line));
  const starting = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length).trim());
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');

  it('copies only what is there and what .dockerignore lets through', () => {
    expect(ignored.filter((line) => line !== '' && !line.startsWith('#'))[0]).toBe('*');
    const sources = starting('COPY')
      .filter((copy) => !copy.startsWith('--from='))
      .flatMap((copy) => copy.split(/\s+/).slice(0, -1));
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    expect(sources.filter((source) => !ignored.includes(`!${source}`))).toEqual([]);
  });

  it('builds and runs on one pinned version of Node', () => {
    expect(starting('ARG')).toEqual([expect.stringMatching(/^NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/)]);
    expect(starting('FROM').map((from) => from.split(' ')[0])).toEqual(['${NODE_IMAGE}', '${NODE_IMAGE}']);
  });

  it('runs as an ordinary user, under an init, a program that is there', () => {
    expect(starting('USER')).toEqual(['node']);
    expect(starting('ENTRYPOINT')).toEqual(['["tini", "--"]']);
    const scripts = [starting('CMD').join(' '), service('migrate').command?.join(' ') ?? ''];
    for (const script of scripts)
      expect(sourceOf(/dist\/[\w/.-]+\.js/.exec(script)?.[0] ?? '')).toSatisfy(existsSync);
  });
});

describe('.env.example', () => {
  it('becomes a working .env once its empty lines are filled in', () => {
    const example = parseEnvFile(readFileSync(join(ROOT, '.env.example'), 'utf8'));
    expect(Object.keys(example).sort()).toEqual(Object.keys(PASSWORDS).sort());
    expect(Object.values(example)).toEqual(['', '', '']);
  });
});

/** The TypeScript file that a compiled one in dist/ comes from. */
function sourceOf(script: string): string {
  return join(ROOT, script.replace(/^dist\//, '').replace(/\.js$/, '.ts'));
}
