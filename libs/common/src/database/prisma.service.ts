/** The connection pool of one process, as a Prisma client. Only libs/common/src/database uses it. */
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type { DatabaseEnvironment } from '#common/config/environment.js';
import type { Logger } from '#common/logging/logger.js';
import { arrayLiteral, type ArrayItem } from './array-literal.js';
import { DatabaseUnavailableError, isDeadlock, isUnavailable } from './database-errors.js';
import { PrismaClient } from './generated/client.js';

/** How long a caller waits for a connection before it hears that the database is away, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5000;
/** No statement of ours takes this long; one that does is ended by Postgres, in milliseconds. */
const STATEMENT_TIMEOUT_MS = 30_000;
/**
 * A transaction whose process says nothing for so long is undone by Postgres, and lets go of what it had locked: whoever is
 * paused or cut off half-way must not hold others up. Shorter than an executor's lease and a leader's session, so that who
 * takes over finds nothing locked; longer than the 2 s that the next statement takes on a slow link. In milliseconds.
 */
const IDLE_TRANSACTION_TIMEOUT_MS = 3000;

/** How often a statement is the victim of a deadlock before that is an error. */
const MAX_DEADLOCKS = 5;

/** Statements that open with a name in a comment are prepared once for each connection under that name. */
const NAMED_STATEMENT = /^\/\* (\w+) \*\//;

/**
 * For connections that work on batches of ids: always by index, one lookup for each row, by a plan that is made once and
 * not compiled. What Postgres would choose instead from statistics that are a minute old can be a thousand times slower.
 */
export const LOOKUPS_ONLY =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_bitmapscan=off -c jit=off -c plan_cache_mode=force_generic_plan';

/** Runs one statement and returns its rows. */
export type Query = <Row>(statement: string, ...parameters: unknown[]) => Promise<Row[]>;

/** Arrays go as text. */
function passed(value: unknown): unknown {
  return Array.isArray(value) ? arrayLiteral(value as ArrayItem[]) : value;
}

function explain(error: unknown): never {
  throw isUnavailable(error) ? new DatabaseUnavailableError(error) : error;
}

/** Of two that wait for each other Postgres undoes one, as if it had never been sent. */
async function despiteDeadlocks<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isDeadlock(error) || tries >= MAX_DEADLOCKS) throw error;
    }
  }
}

@Injectable()
export class PrismaService extends PrismaClient implements OnApplicationShutdown {
  /** How many the pool has at most. */
  readonly connections: number;

  /**
   * @param sessionOptions settings of each connection, as Postgres takes them on its command line
   * @param statementTimeoutMs after which Postgres ends a statement, in milliseconds
   */
  constructor(
    environment: DatabaseEnvironment,
    applicationName: string,
    log: Logger,
    sessionOptions?: string,
    statementTimeoutMs = STATEMENT_TIMEOUT_MS,
  ) {
    const adapter = new PrismaPg(
      {
        connectionString: environment.DATABASE_URL,
        max: environment.PG_MAX_CONNS,
        application_name: applicationName,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        statement_timeout: statementTimeoutMs,
        // A server that vanished without closing the connection must not hold a caller for ever.
        query_timeout: statementTimeoutMs + 5000,
        idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
        keepAlive: true,
        ...(sessionOptions === undefined ? {} : { options: sessionOptions }),
      },
      {
        statementNameGenerator: ({ sql }) => NAMED_STATEMENT.exec(sql)?.[1] ?? '',
        onPoolError: (error) => log.debug('idle database connection lost', { error }),
        onConnectionError: (error) => log.debug('database connection lost', { error }),
      },
    );
    super({ adapter });
    this.connections = environment.PG_MAX_CONNS;
  }

  /**
   * Runs one statement and returns its rows. Arrays are passed as text, so that the statement must say their type.
   * @throws DatabaseUnavailableError when Postgres cannot be reached or is not ready; what the statement did is then unknown
   * @throws what Prisma throws for every other error
   */
  async query<Row>(statement: string, ...parameters: unknown[]): Promise<Row[]> {
    const values = parameters.map(passed);
    return despiteDeadlocks(() => this.$queryRawUnsafe<Row[]>(statement, ...values).catch(explain));
  }

  /**
   * Runs statements that take effect together or not at all. A deadlock undoes all of them.
   * @param work is given what runs one of them; done anew after a deadlock. It must not wait for anything else in between.
   * @throws DatabaseUnavailableError; what Prisma throws for every other error of Postgres; what `work` throws
   */
  async inTransaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result> {
    return despiteDeadlocks(() => this.#tryTransaction(work));
  }

  async #tryTransaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result> {
    let thrownByWork: unknown;
    try {
      return await this.$transaction(
        (transaction) =>
          work((statement, ...parameters) =>
            transaction.$queryRawUnsafe<never>(statement, ...parameters.map(passed)).catch(explain),
          ).catch((error: unknown) => {
            thrownByWork = error;
            throw error;
          }),
        { maxWait: CONNECT_TIMEOUT_MS, timeout: STATEMENT_TIMEOUT_MS },
      );
    } catch (error) {
      // Its own errors say nothing about Postgres.
      if (error === thrownByWork) throw error;
      return explain(error);
    }
  }

  /** For readiness: undefined when Postgres answers, takes writes and has the schema, else what is wrong. */
  async check(): Promise<string | undefined> {
    const [state] = await this.query<{ standby: boolean; readOnly: boolean; migrated: boolean }>(
      `/* check */ SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS "readOnly",
                          to_regclass('job_types') IS NOT NULL AS migrated`,
    );
    if (state?.standby === true) return 'the database is a standby, which takes no writes';
    if (state?.readOnly === true) return 'the database is read-only';
    return state?.migrated === true ? undefined : 'the database has not been migrated';
  }

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
  }
}
