/** Which API key the command line sends: that of a file, or that of the environment. It never stands in an argument, which other users of the machine can read. */
import { readFileSync } from 'node:fs';
import { UsageError } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** Whatever can stand in a header; what a key looks like is the store's to say. */
const KEY = /^[\x21-\x7E]{1,200}$/;

/** @throws UsageError when the file cannot be read, or holds no key */
export function apiKeyOf(file: string | undefined, env: Terminal['env']): string | undefined {
  if (file !== undefined) return checkedKey(`the first line of ${file}`, firstLineOf(file));
  const fromEnvironment = env['TRIUMVIR_API_KEY'];
  // An empty variable is how compose files pass on what was not set.
  return fromEnvironment === undefined || fromEnvironment === ''
    ? undefined
    : checkedKey('TRIUMVIR_API_KEY', fromEnvironment.trim());
}

function firstLineOf(file: string): string {
  try {
    return (readFileSync(file, 'utf8').split('\n')[0] ?? '').trim();
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The message does not repeat the text: it may be a secret all the same. */
function checkedKey(where: string, text: string): string {
  if (KEY.test(text)) return text;
  throw new UsageError(`${where} is no API key: it must be 1 to 200 printable characters without blanks`);
}
