/** The benchmark's own way to a database: it stores jobs there, and checks afterwards what became of them. */
import pg from 'pg';

/** Bulk statements over millions of rows take their time, but not for ever. */
const QUERY_WITHIN_MS = 300_000;

export class Session {
  readonly #pool: pg.Pool;

  constructor(readonly url: string) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: 2,
      application_name: 'bench',
      query_timeout: QUERY_WITHIN_MS,
    });
    // A connection that is cut while idle is replaced at the next query.
    this.#pool.on('error', () => undefined);
  }

  async query<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const result = await this.#pool.query<Row>(sql, parameters.length === 0 ? undefined : [...parameters]);
    return result.rows;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

export async function withSession<Result>(
  url: string,
  use: (db: Session) => Promise<Result>,
): Promise<Result> {
  const session = new Session(url);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}
