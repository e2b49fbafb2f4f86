/** Every setting there is, read from the schemas that the services parse their environment with. */
import { z } from 'zod';
import {
  databaseEnvironment,
  identityEnvironment,
  processEnvironment,
  redisEnvironment,
  zookeeperEnvironment,
} from '#common/config/environment.js';
import { executorEnvironment, executorSettings } from '../apps/executor-service/src/environment.js';
import { schedulerEnvironment, schedulerSettings } from '../apps/scheduler-service/src/environment.js';
import { storeEnvironment, storeSettings } from '../apps/store-service/src/environment.js';

export interface Setting {
  readonly name: string;
  readonly description: string;
  /** As it would be written in a file; undefined when there is none. */
  readonly defaultValue: string | undefined;
  /** A service does not start without it. */
  readonly required: boolean;
  /** Its value belongs in no file that is shared. */
  readonly secret: boolean;
  /** Who reads it, such as `store-service`. */
  readonly readBy: readonly string[];
}

export interface SettingGroup {
  readonly heading: string;
  readonly settings: readonly Setting[];
}

export const SERVICE_ENVIRONMENTS = {
  'store-service': storeEnvironment,
  'scheduler-service': schedulerEnvironment,
  'executor-service': executorEnvironment,
} as const satisfies Record<string, z.ZodType>;

/** Their default differs from machine to machine, and their description says what it is. */
const COMPUTED_DEFAULTS = new Set(['INSTANCE_ID']);

/** Read by docker-compose.yaml and `make start` for the servers that they start. */
const SERVERS_OF_OUR_OWN: readonly Setting[] = [
  ownServer('POSTGRES_USER', 'triumvir', 'User that the Postgres of our own is made with.'),
  ownSecret(
    'POSTGRES_PASSWORD',
    'Password of that user. Letters and digits only, because it becomes part of a URL: openssl rand -hex 24',
  ),
  ownServer('POSTGRES_DB', 'triumvir', 'Database that it is made with.'),
  ownSecret('REDIS_PASSWORD', 'Password of Redis, the one of our own or the one that REDIS_HOST leads to.'),
];

/** Settings of services whose values belong in no file that is shared. */
const SECRETS = new Set(['STORE_BOOTSTRAP_KEY']);

const CONTAINERS: readonly Setting[] = [
  inContainers('POSTGRES_PORT', '5432', 'Loopback port on which Postgres is published.'),
  inContainers(
    'ZOOKEEPER_CLIENT_PORT',
    '2181',
    'Loopback port on which ZooKeeper is published. Redis and the store are published on REDIS_PORT, STORE_SERVICE_PORT and SERVER_PORT.',
  ),
  inContainers('ZOOKEEPER_PORT', undefined, 'Another name for ZOOKEEPER_CLIENT_PORT, which it goes before.'),
  inContainers('ZOOKEEPER_TICK_TIME', '500', "ZooKeeper's tick, in milliseconds; sessions expire on a tick."),
  inContainers(
    'EXECUTOR_STOP_GRACE_PERIOD',
    '45s',
    'How long an executor may take to stop. Keep it 15 s above SHUTDOWN_GRACE_MS.',
  ),
];

const COMMAND_LINE: readonly Setting[] = [
  {
    name: 'STORE_SERVICE_URL',
    description: 'Where the command line finds the store.',
    defaultValue: 'http://localhost:3000',
    required: false,
    secret: false,
    readBy: ['triumvir'],
  },
  {
    name: 'TRIUMVIR_API_KEY',
    description: 'API key that the command line sends; --api-key-file names a file that holds it instead.',
    defaultValue: undefined,
    required: false,
    secret: false,
    readBy: ['triumvir'],
  },
  {
    name: 'TRIUMVIR_PROFILE',
    description: 'Which profile of `triumvir config` the command line uses; --profile goes before it.',
    defaultValue: undefined,
    required: false,
    secret: false,
    readBy: ['triumvir'],
  },
  grpcClient('SERVERS', 'localhost:50051', 'host:port,… of stores that take jobs over gRPC in turn.'),
  grpcClient('SUBMIT_SERVER', undefined, 'host:port of the one store that takes all jobs.'),
  grpcClient('STATUS_SERVERS', undefined, 'host:port,… of stores that are asked what became of them.'),
  {
    name: 'WEBUI_ADDR',
    description:
      'Where the page to run commands from is, :port or host:port; loopback without a host. make start serves it when this is set.',
    defaultValue: ':8080',
    required: false,
    secret: false,
    readBy: ['make start', 'triumvir-webui'],
  },
  {
    name: 'BASE_PORT',
    description:
      'gRPC port of the first store that make starts; the others have the ports after it. Goes before SERVER_PORT.',
    defaultValue: '50051',
    required: false,
    secret: false,
    readBy: ['make start'],
  },
];

export const SETTING_GROUPS: readonly SettingGroup[] = [
  { heading: 'Servers that we start ourselves', settings: SERVERS_OF_OUR_OWN },
  group('Every service', processEnvironment.and(identityEnvironment)),
  group('Postgres', databaseEnvironment),
  group('Redis', redisEnvironment),
  group('ZooKeeper', zookeeperEnvironment),
  group('Store', storeSettings),
  group('Scheduler', schedulerSettings),
  group('Executor', executorSettings),
  { heading: 'Command line', settings: COMMAND_LINE },
  { heading: 'Containers', settings: CONTAINERS },
];

function group(heading: string, schema: z.ZodType): SettingGroup {
  const own = new Set(SERVERS_OF_OUR_OWN.map(({ name }) => name));
  const fields = Object.entries(fieldsOf(schema)).filter(([name]) => !own.has(name));
  return { heading, settings: fields.map(([name, field]) => readSetting(name, field)) };
}

function readSetting(name: string, field: z.ZodType): Setting {
  return {
    name,
    description: field.description ?? '',
    defaultValue: COMPUTED_DEFAULTS.has(name) ? undefined : defaultOf(field),
    required: !field.safeParse(undefined).success,
    secret: SECRETS.has(name),
    readBy: readersOf(name),
  };
}

function defaultOf(field: z.ZodType): string | undefined {
  // A prefault is text that is still to be parsed, such as 7d; other defaults are what is parsed from text.
  const value = field instanceof z.ZodPrefault ? field.def.defaultValue : field.safeParse(undefined).data;
  // What is neither is a list, and those are empty unless set.
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function readersOf(name: string): string[] {
  return Object.entries(SERVICE_ENVIRONMENTS)
    .filter(([, schema]) => name in fieldsOf(schema))
    .map(([service]) => service);
}

/** The settings of an environment schema, through the intersections and transformations it is made of. */
export function fieldsOf(schema: z.core.$ZodType): Readonly<Record<string, z.ZodType>> {
  if (schema instanceof z.ZodObject) return schema.shape;
  if (schema instanceof z.ZodIntersection)
    return { ...fieldsOf(schema.def.left), ...fieldsOf(schema.def.right) };
  if (schema instanceof z.ZodPipe) return fieldsOf(schema.in);
  throw new Error('An environment schema is made of objects, intersections and transformations only.');
}

function ownServer(name: string, defaultValue: string, description: string): Setting {
  return {
    name,
    description,
    defaultValue,
    required: false,
    secret: false,
    readBy: ['make start', 'containers'],
  };
}

function ownSecret(name: string, description: string): Setting {
  const readBy = ['make start', 'containers', ...readersOf(name)];
  return { name, description, defaultValue: undefined, required: false, secret: true, readBy };
}

function grpcClient(name: string, defaultValue: string | undefined, description: string): Setting {
  return { name, description, defaultValue, required: false, secret: false, readBy: ['triumvir-client'] };
}

function inContainers(name: string, defaultValue: string | undefined, description: string): Setting {
  return { name, description, defaultValue, required: false, secret: false, readBy: ['containers'] };
}
