/** The version in package.json, found upwards from here: this file runs from the sources as well as from dist/. */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const packageJson = z.object({ version: z.string() });

export function version(): string {
  let directory = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', directory)) && directory.pathname !== '/') {
    directory = new URL('..', directory);
  }
  return packageJson.parse(JSON.parse(readFileSync(new URL('package.json', directory), 'utf8'))).version;
}
