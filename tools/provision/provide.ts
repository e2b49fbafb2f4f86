/**
 * Provides Postgres, Redis and ZooKeeper: those that settings point to, or else programs of this machine, or else
 * Debian's packages, or else containers. Everything is found out before anything is started, so that a machine that
 * lacks one server is told so at once.
 */
import type { Settings } from '../env-file.js';
import { checkpoint } from '../interruption.js';
import { Ports } from '../ports.js';
import { identify } from '../process-identity.js';
import type { Profile } from '../profile.js';
import { PlainError, say } from '../screen.js';
import { advice } from './advice.js';
import { aptUsable, installWithApt } from './apt.js';
import { ComposeProject, dockerUsable } from './docker.js';
import { checkGiven, givenSettings, placeOf } from './given.js';
import { findInstallation } from './local.js';
import {
  connectionTo,
  DISPLAY_NAMES,
  SERVER_NAMES,
  USUAL_PORTS,
  type Credentials,
  type Provided,
  type ServerName,
} from './server-names.js';
import { readState, writeState } from './system-state.js';

export interface ProvideOptions {
  readonly profile: Profile;
  /** Settings that may point to servers; none when every server must be the profile's own. */
  readonly settings: Settings;
  /** Called once, with the servers that are to be made. */
  readonly credentialsFor: (servers: readonly ServerName[]) => Credentials;
  /** True: the usual ports when they are free. False: any free ports. */
  readonly usualPorts: boolean;
}

/**
 * Starts what is missing and resolves with the settings by which all three are reached.
 * @throws PlainError when one cannot be had.
 */
export async function provideServers(options: ProvideOptions): Promise<Settings> {
  return new Provision(options).run();
}

class Provision {
  private readonly ports = new Ports();
  private readonly profile: Profile;
  private readonly compose: ComposeProject;

  constructor(private readonly options: ProvideOptions) {
    this.profile = options.profile;
    this.compose = composeProject(options.profile);
  }

  async run(): Promise<Settings> {
    const missing = await this.withoutRunning(SERVER_NAMES);
    const wanted = await this.withoutGiven(missing);
    if (wanted.length > 0) await this.make(wanted);
    const { servers } = readState(this.profile.path('state.json'));
    return Object.assign({}, ...SERVER_NAMES.map((name) => servers[name]?.env ?? {}));
  }

  /** Leaves out the servers of an earlier run that still serve. */
  private async withoutRunning(names: readonly ServerName[]): Promise<ServerName[]> {
    const { servers } = readState(this.profile.path('state.json'));
    const processes = this.profile.registry.running();
    const inUse = processes.some(({ kind }) => kind !== 'server');
    return names.filter((name) => {
      const known = servers[name];
      if (known === undefined) return true;
      const runs = {
        // Only running services bind us to what was given to them; without any, the settings of today count.
        given: () => inUse,
        local: () => processes.some((one) => one.name === name),
        docker: () => this.compose.isRunning(name),
      }[known.source]();
      if (runs) say(DISPLAY_NAMES[name], `in use already, at ${placeOf(name, known.env)}`);
      return !runs;
    });
  }

  private async withoutGiven(names: readonly ServerName[]): Promise<ServerName[]> {
    const wanted: ServerName[] = [];
    for (const name of names) {
      const given = givenSettings(name, this.options.settings);
      if (given === undefined) wanted.push(name);
      else {
        this.remember(name, await checkGiven(name, given));
        say(DISPLAY_NAMES[name], `as set in the environment or .env, at ${placeOf(name, given)}`);
      }
    }
    return wanted;
  }

  private async make(names: readonly ServerName[]): Promise<void> {
    const failures: string[] = [];
    const lacking = () => names.filter((name) => findInstallation(name) === undefined);
    if (lacking().length > 0 && aptUsable()) {
      say('Packages', `installing ${listed(lacking())} with apt-get (log: ${this.profile.logFile('apt')})`);
      const failure = await installWithApt(lacking(), this.profile.logFile('apt'));
      if (failure !== undefined) failures.push(failure);
    }
    const inDocker = lacking();
    if (inDocker.length > 0 && !dockerUsable()) throw new PlainError(advice(inDocker, failures));

    const credentials = this.options.credentialsFor(names);
    if (inDocker.length > 0) {
      const failure = await this.makeInDocker(inDocker, credentials);
      if (failure !== undefined) throw new PlainError(advice(inDocker, [...failures, failure]));
    }
    const local = names.filter((name) => !inDocker.includes(name));
    // All of them settle before a failure is reported: none may start after everybody has stopped looking.
    const outcomes = await Promise.allSettled(local.map((name) => this.makeLocal(name, credentials)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    checkpoint();
  }

  private async makeLocal(name: ServerName, credentials: Credentials): Promise<void> {
    const installation = findInstallation(name);
    if (installation === undefined) throw new PlainError(advice([name], []));
    const port = await this.port(name);
    const dataFolder = this.profile.path('data', name);
    const logFile = installation.logFile?.({ dataFolder }) ?? this.profile.logFile(name);
    // On record before it is ready: even a starter that is killed now leaves nothing that `make stop` does not find.
    const onSpawn = (pid: number) => {
      const identity = identify(pid);
      if (identity !== undefined)
        this.profile.registry.add({ ...identity, name, kind: 'server', port, logFile });
    };
    const server = installation.create({ port, logFile, credentials, dataFolder, onSpawn });
    await server.start();

    if (server.pid === undefined || identify(server.pid) === undefined)
      throw new PlainError(`${DISPLAY_NAMES[name]} ended right after its start; see ${logFile}.`);
    this.remember(name, { source: 'local', port, env: connectionTo(name, port, credentials) });
    say(DISPLAY_NAMES[name], `${installation.description}, on ${this.place(name, port)}`);
  }

  private async makeInDocker(
    names: readonly ServerName[],
    credentials: Credentials,
  ): Promise<string | undefined> {
    const ports = new Map<ServerName, number>();
    for (const name of names) ports.set(name, await this.port(name));
    say('Docker', `starting ${listed(names)} with docker compose (log: ${this.profile.logFile('docker')})`);
    // Remembered first: an interrupted start of containers leaves containers to stop.
    for (const [name, port] of ports) {
      this.remember(name, { source: 'docker', port, env: connectionTo(name, port, credentials) });
    }
    const failure = await this.compose.up(ports, credentials);
    checkpoint();
    if (failure !== undefined) return failure;
    for (const [name, port] of ports)
      say(DISPLAY_NAMES[name], `in a container, on ${this.place(name, port)}`);
    return undefined;
  }

  /** Where services already look for a server is where it has to come back. */
  private async port(name: ServerName): Promise<number> {
    const known = readState(this.profile.path('state.json')).servers[name]?.port;
    const port = await this.ports.take(known ?? (this.options.usualPorts ? USUAL_PORTS[name] : 0));
    const inUse = this.profile.registry.running().some(({ kind }) => kind !== 'server');
    if (inUse && known !== undefined && port !== known) {
      throw new PlainError(
        `${DISPLAY_NAMES[name]} is gone, its port ${known} is taken by another program, and services depend on it: make stop && make start`,
      );
    }
    return port;
  }

  private place(name: ServerName, port: number): string {
    const usual = USUAL_PORTS[name];
    const moved = this.options.usualPorts && port !== usual ? ` (${usual} is taken)` : '';
    return `127.0.0.1:${port}${moved}`;
  }

  private remember(name: ServerName, provided: Provided): void {
    const file = this.profile.path('state.json');
    const state = readState(file);
    writeState(file, { ...state, servers: { ...state.servers, [name]: provided } });
  }
}

export function composeProject(profile: Profile): ComposeProject {
  return new ComposeProject(`triumvir-${profile.name}`, profile.logFile('docker'));
}

function listed(names: readonly ServerName[]): string {
  return new Intl.ListFormat('en').format(names.map((name) => DISPLAY_NAMES[name]));
}
