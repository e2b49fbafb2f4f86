/** Reads a file that a flag names. */
import { readFile } from 'node:fs/promises';
import { UsageError } from './exit-codes.js';

/** @throws UsageError when it cannot be read */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
