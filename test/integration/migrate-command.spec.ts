/** dist/tools/migrate.js, the one-shot job that containers run before the services. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '#tools/root.js';
import { withDatabase, withPostgres } from '#tools/sql.js';
import { testServers, uniqueName } from '../support/environment.js';

const { databaseUrl } = testServers();
const database = uniqueName('empty');
const url = withDatabase(databaseUrl, database);

function runMigrate(DATABASE_URL?: string) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'dist', 'tools', 'migrate.js')],
    {
      env: { NO_COLOR: '1', ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) },
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
}

beforeAll(() => withPostgres(databaseUrl, (admin) => admin.query(`CREATE DATABASE ${database}`)));
afterAll(() => withPostgres(databaseUrl, (admin) => admin.query(`DROP DATABASE ${database} WITH (FORCE)`)));

describe('the migration before the services', () => {
  it('says what it applied, and the second time that nothing was missing', () => {
    expect(runMigrate(url)).toMatchObject({ status: 0, stdout: expect.stringMatching(/applied \d+_init/) });
    expect(runMigrate(url)).toMatchObject({ status: 0, stdout: expect.stringContaining('up to date') });
  });

  it.each([
    ['postgresql:', 'schema', 'public'],
    ['postgres:', 'sslmode', 'disable'],
  ])('takes the URL of an older system: %s and %s=%s', async (protocol, parameter, value) => {
    const other = uniqueName('empty');
    const written = new URL(withDatabase(databaseUrl, other));
    written.protocol = protocol;
    written.searchParams.set(parameter, value);
    await withPostgres(databaseUrl, (admin) => admin.query(`CREATE DATABASE ${other}`));
    expect(runMigrate(written.href)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/applied \d+_init/),
    });
    await withPostgres(databaseUrl, (admin) => admin.query(`DROP DATABASE ${other} WITH (FORCE)`));
  });

  it('fails at once, in one line without the password, where waiting is of no use', () => {
    const wrongLogin = new URL(url);
    wrongLogin.password = 'not-the-password';
    for (const hopeless of [wrongLogin.href, withDatabase(databaseUrl, uniqueName('absent'))]) {
      const { status, stderr } = runMigrate(hopeless);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^Failed +Postgres at DATABASE_URL cannot be used: .+\n$/);
      expect(stderr).not.toContain(new URL(hopeless).password);
    }
  });

  it('names DATABASE_URL when it is missing or wrong', () => {
    expect(runMigrate()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('DATABASE_URL is not set'),
    });
    expect(runMigrate('mysql://localhost')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('DATABASE_URL is wrong'),
    });
  });
});
