/**
 * Reads docker-compose.yaml like `docker compose config` does, as far as this project's file goes: merges what anchors
 * share and puts in variables. There may be no Docker engine where tests run.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface ComposeService {
  readonly image?: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly command?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string };
  readonly [key: string]: unknown;
}

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

export interface Variable {
  readonly name: string;
  /** What stands after the name, such as `:-` and a default or `:?` and a message; empty when nothing does. */
  readonly modifier: string;
}

const OPEN = '${';

/** The file with its anchors merged and its variables as they are written. */
export function readComposeFile(file: string): ComposeFile {
  return parse(readFileSync(file, 'utf8'), { merge: true }) as ComposeFile;
}

/** @throws Error with the file's own message when a required variable is not set */
export function renderComposeFile(file: string, variables: Readonly<Record<string, string>>): ComposeFile {
  return mapTexts(readComposeFile(file), (text) => interpolate(text, variables)) as ComposeFile;
}

/** Every use of a variable in the file, those within the defaults of others included. */
export function variablesOf(value: unknown): Variable[] {
  const found: Variable[] = [];
  mapTexts(value, (text) => {
    replaceVariables(text, (variable) => {
      found.push(variable, ...variablesOf(variable.modifier));
      return '';
    });
    return text;
  });
  return found;
}

function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return replaceVariables(text, ({ name, modifier }) => {
    const value = variables[name] ?? '';
    if (value !== '' || modifier === '') return value;
    const rest = modifier.slice(2);
    if (modifier.startsWith(':-')) return interpolate(rest, variables);
    throw new Error(`${name}: ${rest}`);
  });
}

/** Variables may stand within the defaults of others, so their ends are found by counting braces; `$$` is a dollar sign. */
function replaceVariables(text: string, replacement: (variable: Variable) => string): string {
  let result = '';
  for (let at = 0; at < text.length;) {
    if (text.startsWith('$$', at)) {
      result += '$';
      at += 2;
    } else if (text.startsWith(OPEN, at)) {
      const end = closingBrace(text, at + OPEN.length);
      const inside = text.slice(at + OPEN.length, end);
      const name = /^\w+/.exec(inside)?.[0] ?? '';
      result += replacement({ name, modifier: inside.slice(name.length) });
      at = end + 1;
    } else {
      result += text[at];
      at += 1;
    }
  }
  return result;
}

function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error(`a variable is not closed in ${text}`);
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
}
