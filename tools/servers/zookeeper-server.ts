/**
 * A ZooKeeper server on the loopback interface for development and for tests: one alone, or one of an ensemble. It runs
 * the jars that the system has installed (Debian's package, Homebrew's, or an unpacked release in ZOOKEEPER_HOME).
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { findProgram, pathFolders } from './find-program.js';
import { freePort, ServerProcess, ServerStartError, type Server } from './server-process.js';

export interface ZookeeperPeer {
  readonly id: number;
  /** Port on which followers reach the ensemble's leader. */
  readonly quorumPort: number;
  /** Port on which the servers elect that leader. */
  readonly electionPort: number;
}

export interface ZookeeperServerOptions {
  /** Configuration, data and log live here; made when missing. */
  readonly dir: string;
  readonly port: number;
  /** In milliseconds, default 250. A session lasts at least two ticks, and ends at one: so late may that be noticed. */
  readonly tickTime?: number;
  /** The whole ensemble, this server included; a server alone unless given. */
  readonly ensemble?: { readonly myId: number; readonly peers: readonly ZookeeperPeer[] };
  /** True: it runs on when this process ends. */
  readonly detached?: boolean;
  /** Called with the process id as soon as the process exists, so that whoever keeps a record has it before it is ready. */
  readonly onSpawn?: ((pid: number) => void) | undefined;
  readonly name?: string;
  /** Default: zookeeper.log in `dir`. */
  readonly logFile?: string;
}

const HOMEBREW = ['/opt/homebrew/opt', '/usr/local/opt'];
const DEBIAN_JARS = '/usr/share/java';
const FOUR_LETTER_WORDS = 'ruok,srvr,wchs,mntr,cons';
const ANSWER_WITHIN_MS = 2000;
const DEFAULT_TICK_MS = 250;
/** ZooKeeper's own limit is 20 ticks, which would cut short what ZOOKEEPER_SESSION_TIMEOUT_MS allows. */
const LONGEST_SESSION_MS = 60_000;

export class ZookeeperServer implements Server {
  readonly name: string;
  readonly port: number;
  readonly #options: ZookeeperServerOptions;
  #process: ServerProcess | undefined;

  constructor(options: ZookeeperServerOptions) {
    this.name = options.name ?? 'ZooKeeper';
    this.port = options.port;
    this.#options = options;
  }

  /** The class path of an installed ZooKeeper; undefined when there is none, or no Java to run it. */
  static locate(): string | undefined {
    if (findJava() === undefined) return undefined;
    const homes = [
      ...(process.env['ZOOKEEPER_HOME'] ? [process.env['ZOOKEEPER_HOME']] : []),
      ...HOMEBREW.map((prefix) => join(prefix, 'zookeeper', 'libexec')),
    ];
    const home = homes.find((path) => existsSync(join(path, 'lib')));
    if (home !== undefined) return [join(home, '*'), join(home, 'lib', '*')].join(delimiter);
    return existsSync(join(DEBIAN_JARS, 'zookeeper.jar')) ? join(DEBIAN_JARS, '*') : undefined;
  }

  /** An ensemble of `size` servers on free ports, not started. Start them together: each waits for a quorum. */
  static async ensemble(
    size: number,
    options: Omit<ZookeeperServerOptions, 'port' | 'ensemble' | 'name'>,
  ): Promise<ZookeeperServer[]> {
    const peers: ZookeeperPeer[] = [];
    for (let id = 1; id <= size; id += 1) {
      peers.push({ id, quorumPort: await freePort(), electionPort: await freePort() });
    }
    return Promise.all(
      peers.map(
        async ({ id }) =>
          new ZookeeperServer({
            ...options,
            name: `ZooKeeper ${id}`,
            dir: join(options.dir, `server-${id}`),
            port: await freePort(),
            ensemble: { myId: id, peers },
          }),
      ),
    );
  }

  get pid(): number | undefined {
    return this.#process?.running ? this.#process.pid : undefined;
  }

  /** Resolves when it serves: in an ensemble that is when a quorum of it runs. */
  async start(): Promise<void> {
    const classPath = ZookeeperServer.locate();
    const java = findJava();
    if (classPath === undefined || java === undefined) {
      throw new ServerStartError('ZooKeeper (or Java, to run it) is not installed on this machine.');
    }
    this.#process = await ServerProcess.start({
      name: this.name,
      command: java,
      // The interpreter and the first compiler are enough for a server this small, and it starts in half the time.
      args: [
        '-Xmx128m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        classPath,
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        this.#writeConfiguration(),
      ],
      cwd: this.#options.dir,
      logFile: this.#options.logFile ?? join(this.#options.dir, 'zookeeper.log'),
      detached: this.#options.detached ?? false,
      onSpawn: this.#options.onSpawn,
      // "ruok" is answered as soon as the port is open; a mode means that clients are served.
      ready: async () => /^Mode: /m.test(await this.ask('srvr')),
    });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  /** The answer to one of ZooKeeper's four-letter words, such as `srvr` or `wchs`. */
  ask(word: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(this.port, '127.0.0.1', () => socket.write(word));
      socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error(`no answer to ${word}`)));
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => (answer += chunk));
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
    });
  }

  #writeConfiguration(): string {
    const { dir, ensemble, tickTime = DEFAULT_TICK_MS } = this.#options;
    const dataDir = join(dir, 'data');
    mkdirSync(dataDir, { recursive: true });
    const settings: Record<string, string | number> = {
      tickTime,
      dataDir,
      clientPort: this.port,
      clientPortAddress: '127.0.0.1',
      maxClientCnxns: 0,
      maxSessionTimeout: LONGEST_SESSION_MS,
      'admin.enableServer': 'false',
      '4lw.commands.whitelist': FOUR_LETTER_WORDS,
      // In KB. The default reserves 64 MB of disk for every log file.
      preAllocSize: 1024,
      'autopurge.purgeInterval': 1,
    };
    if (ensemble !== undefined) {
      writeFileSync(join(dataDir, 'myid'), `${ensemble.myId}\n`);
      settings['initLimit'] = 40;
      settings['syncLimit'] = 20;
      for (const { id, quorumPort, electionPort } of ensemble.peers) {
        settings[`server.${id}`] = `127.0.0.1:${quorumPort}:${electionPort}`;
      }
    }
    const file = join(dir, 'zoo.cfg');
    writeFileSync(
      file,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    return file;
  }
}

function findJava(): string | undefined {
  const folders = [
    ...(process.env['JAVA_HOME'] ? [join(process.env['JAVA_HOME'], 'bin')] : []),
    // Before the PATH: macOS has a /usr/bin/java that only tells people to install Java.
    ...HOMEBREW.map((prefix) => join(prefix, 'openjdk', 'bin')),
    ...pathFolders(),
  ];
  return findProgram('java', folders);
}
