/**
 * The `.env` file at the root: settings that a person wrote, and secrets that are generated once. What a person wrote is
 * never changed; only names that are missing, or that are there without a value, are filled in.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parse } from 'dotenv';

export type Settings = Readonly<Record<string, string>>;

/** The settings in the file that have a value; none when there is no file. */
export function readEnvFile(file: string): Settings {
  return existsSync(file) ? withoutEmpty(parse(readFileSync(file, 'utf8'))) : {};
}

/** An empty value means "not set": that is how shells and compose files pass on what they were not given. */
export function withoutEmpty(source: Readonly<Record<string, string | undefined>>): Settings {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(source))
    if (value !== undefined && value !== '') given[name] = value;
  return given;
}

/** Returns `text` with each of `additions` that it does not set yet; everything else stays as it is. */
export function fillIn(text: string, additions: Settings): string {
  const present = withoutEmpty(parse(text));
  const missing = Object.entries(additions).filter(([name]) => present[name] === undefined);
  let filled = text;
  for (const [name, value] of missing) {
    const emptyLine = new RegExp(`^([ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=)[ \\t]*(?:""|'')?[ \\t]*$`, 'm');
    const setting = `${name}=${value}\n`;
    if (emptyLine.test(filled)) filled = filled.replace(emptyLine, (_line, start: string) => start + value);
    else filled += filled === '' || filled.endsWith('\n') ? setting : `\n${setting}`;
  }
  return filled;
}

/** Fills the file in, readable by its owner only when it is made here. Does not touch a file that lacks nothing. */
export function fillInFile(file: string, additions: Settings): void {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const after = fillIn(before, additions);
  if (after === before) return;
  if (before !== '') return writeFileSync(file, after);
  // A new file appears complete and private, or not at all.
  writeFileSync(`${file}.new`, after, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
