/** What the tests of the SQL share: repositories on a fresh database, and jobs to try them with. */
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { ExecutorRepository } from '#common/database/executor.repository.js';
import { FeedRepository, type ClaimedJob } from '#common/database/feed.repository.js';
import { JobRepository, type ListedJob } from '#common/database/job.repository.js';
import { HINT_CHANNEL } from '#common/database/hint-channel.js';
import { JobSearchRepository } from '#common/database/job-search.repository.js';
import { LeaderEpochs, type Fence } from '#common/database/leader-epochs.js';
import { LimitedFeedRepository } from '#common/database/limited-feed.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { LOOKUPS_ONLY, PrismaService } from '#common/database/prisma.service.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { RunRepository } from '#common/database/run.repository.js';
import type { Job, JobState, NewJob } from '#common/domain/job.js';
import type { QueryTerm } from '#common/domain/job-query.js';
import { createLogger } from '#common/logging/logger.js';
import { createTestDatabase } from '../../support/database.js';
import { uniqueName } from '../../support/environment.js';

export const quiet = createLogger({
  service: 'test',
  instance: 'test',
  level: 'error',
  format: 'json',
});

/** Three seconds is what the executors add to a timeout in these tests. */
export const GRACE_MS = 3000;

interface ListFilter {
  readonly states?: readonly JobState[];
  readonly type?: string;
  readonly queue?: string;
  readonly tags?: readonly string[];
  /** Only older ones than this one. */
  readonly before?: string | undefined;
}

export class TestStore {
  readonly jobs: JobRepository;
  readonly search: JobSearchRepository;
  readonly feed: FeedRepository;
  readonly limitedFeed: LimitedFeedRepository;
  readonly queues: QueueRepository;
  readonly runs: RunRepository;
  readonly executors: ExecutorRepository;
  readonly epochs: LeaderEpochs;

  private constructor(
    readonly url: string,
    readonly prisma: PrismaService,
    private readonly drop: () => Promise<void>,
  ) {
    this.epochs = new LeaderEpochs(prisma);
    this.jobs = new JobRepository(prisma, new Notifier(prisma));
    this.search = new JobSearchRepository(prisma);
    this.feed = new FeedRepository(prisma, this.epochs);
    this.limitedFeed = new LimitedFeedRepository(prisma, this.epochs);
    const notifier = new Notifier(prisma);
    this.queues = new QueueRepository(prisma, notifier);
    this.runs = new RunRepository(prisma, this.epochs, notifier);
    this.executors = new ExecutorRepository(prisma);
  }

  static async open(connections = 8): Promise<TestStore> {
    const database = await createTestDatabase();
    const { url } = database;
    const prisma = new PrismaService(
      { DATABASE_URL: url, PG_MAX_CONNS: connections },
      'triumvir-test',
      quiet,
      LOOKUPS_ONLY,
    );
    return new TestStore(url, prisma, () => database.drop());
  }

  async close(): Promise<void> {
    await this.prisma.onApplicationShutdown();
    await this.drop();
  }

  /** A leader whose epoch stands until the next call for the same election. */
  async lead(election = uniqueName('election')): Promise<Fence> {
    return { election, epoch: await this.epochs.seize(election, 1n, 'test') };
  }

  /** An executor whose lease stands for an hour. */
  async executor(): Promise<string> {
    const id = uuidv7();
    await this.executors.register(
      { id, instance: id, host: 'here', pid: 1, slots: 10, queues: [], types: ['test'] },
      3_600_000,
    );
    return id;
  }

  /** Claims what is due, so many of each queue. */
  async claim(leader: Fence, rooms: Readonly<Record<string, number>>): Promise<ClaimedJob[] | 'fenced'> {
    const wanted = Object.entries(rooms).map(([queue, room]) => ({ queue, room }));
    const claimed = await this.feed.claimDue(leader, wanted, '0');
    if (claimed.length > 0) return claimed;
    return (await this.feed.nextClaimInMs(leader, wanted, '0')) === 'fenced' ? 'fenced' : claimed;
  }

  submit(changes: Partial<NewJob> = {}): Promise<Job> {
    return this.jobs.insert(newJob(changes));
  }

  /** The newest jobs that fit, however long it takes to find them. */
  async list({ before, ...filter }: ListFilter, limit: number): Promise<ListedJob[]> {
    const { states, type, queue, tags = [] } = filter;
    const terms: QueryTerm[] = tags.map((value) => ({ field: 'tag', value }));
    if (states !== undefined) terms.push({ field: 'state', states });
    if (type !== undefined) terms.push({ field: 'type', value: type });
    if (queue !== undefined) terms.push({ field: 'queue', value: queue });
    return (await this.search.page({ terms, queuePatterns: null }, before, limit, Infinity)).jobs;
  }

  async job(id: string): Promise<Job> {
    const job = await this.jobs.get(id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return job;
  }

  /** Tells of every hint that is sent from now on. */
  async listen(heard: (hint: string) => void): Promise<{ close(): Promise<void> }> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    client.on('notification', ({ payload }) => heard(payload ?? ''));
    await client.query(`LISTEN ${HINT_CHANNEL}`);
    return { close: () => client.end() };
  }

  /** Moves a time of a row, so that no test waits for the clock: `set` is what follows SET. */
  async turnClock(
    table: 'jobs' | 'executors' | 'schedules' | 'workflows',
    id: string,
    set: string,
  ): Promise<void> {
    await this.prisma.query(`UPDATE ${table} SET ${set} WHERE id = $1::uuid`, id);
  }
}

/** Due since long ago, so that the clocks of this process and of Postgres need not agree. */
export const LONG_AGO = new Date('2020-01-01T00:00:00Z');

export function newJob(changes: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    name: null,
    type: 'test',
    queue: 'default',
    payload: {},
    priority: 5,
    runAt: LONG_AGO,
    delayMs: 0,
    maxAttempts: 4,
    timeoutMs: 60_000,
    retry: null,
    onLost: 'retry',
    uniqueKey: null,
    concurrencyKey: null,
    fairnessKey: null,
    expiresAt: null,
    tags: [],
    expiresInMs: null,
    createdBy: null,
    ...changes,
  };
}
