/** A short visit to Postgres, for servers that are being set up and for test databases. */
// oxlint-disable-next-line no-restricted-imports -- These servers are set up from outside, before there is a schema.
import { Client } from 'pg';

/** Opens one connection, hands it to `visit` and closes it, whatever happens. */
export async function withPostgres<Result>(
  url: string,
  visit: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  // Without a listener a connection that is cut while idle would end this process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await visit(client);
  } finally {
    await client.end();
  }
}

/** The same URL with another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}
