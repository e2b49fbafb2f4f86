/**
 * Generates the Prisma client, when the schema is newer than it. Prisma wants to download its schema engine first, though
 * generating does not use it; naming any program as the engine keeps that from failing where the download is out of reach.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, utimesSync } from 'node:fs';

const SCHEMA = 'prisma/schema.prisma';
const CLIENT = 'libs/common/src/database/generated/client.ts';

const ANY_PROGRAM = ['/bin/true', '/usr/bin/true'].find((file) => existsSync(file)) ?? process.execPath;

const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (changed(CLIENT) < Math.max(changed(SCHEMA), changed('package-lock.json'))) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/prisma/build/index.js', 'generate', '--schema', SCHEMA],
    {
      env: { PRISMA_SCHEMA_ENGINE_BINARY: ANY_PROGRAM, PRISMA_HIDE_UPDATE_MESSAGE: '1', ...process.env },
      encoding: 'utf8',
    },
  );
  if (status !== 0) {
    process.stderr.write(stdout + stderr);
    process.exit(status ?? 1);
  }
  utimesSync(CLIENT, new Date(), new Date());
}
