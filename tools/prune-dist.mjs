/**
 * Deletes from dist/ what was compiled from files that are gone. tsc leaves it there, and what finds its parts by
 * listing a folder would find them for ever.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  const compiled = /^(.+)\.js(\.map)?$/.exec(entry.name);
  if (compiled === null || !entry.isFile()) continue;
  const source = join(relative('dist', entry.parentPath), `${compiled[1]}.ts`);
  if (!existsSync(source)) rmSync(join(entry.parentPath, entry.name));
}
