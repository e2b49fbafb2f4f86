/** Where this clone of the project is: the nearest folder above with a package.json, from the sources or from dist/. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function nearestPackage(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const above = dirname(folder);
  if (above === folder) throw new Error('There is no package.json above this file.');
  return nearestPackage(above);
}

export const ROOT = nearestPackage(import.meta.dirname);
