/** Where a program is: in one of the given folders, or on the PATH. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The first folder that holds the program, as the full path of the program. */
export function findProgram(name: string, folders: readonly string[] = pathFolders()): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** PATH, and the folders of system programs and of Homebrew, which the PATH of a user often lacks. */
export function pathFolders(path: string = process.env['PATH'] ?? ''): string[] {
  const usual = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin'];
  return [...new Set([...path.split(delimiter).filter((folder) => folder !== ''), ...usual])];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
