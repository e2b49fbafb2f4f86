/** Where this program lives, and the version in its package.json. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const packageJson = z.object({ version: z.string() });

/** The folder of package.json, found upwards from here: this file runs from the sources as well as from dist/. */
export function packageFolder(): string {
  let directory = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', directory)) && directory.pathname !== '/') {
    directory = new URL('..', directory);
  }
  return fileURLToPath(directory);
}

export function version(): string {
  return packageJson.parse(JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8'))).version;
}
