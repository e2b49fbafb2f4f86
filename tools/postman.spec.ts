import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COLLECTION_FILE } from './postman.js';
import { ROOT } from './root.js';

interface Item {
  readonly name: string;
  readonly description?: string;
  readonly item?: readonly Item[];
  readonly event?: readonly {
    readonly listen: string;
    readonly script: { readonly exec: readonly string[] };
  }[];
  readonly request?: {
    readonly method: string;
    readonly description?: string;
    readonly url: { readonly path: readonly string[] };
  };
}

const read = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T;
const folders = read<{ item: Item[] }>(COLLECTION_FILE).item;
const document = read<{ paths: Record<string, Record<string, unknown>> }>(join(ROOT, 'openapi.json'));

/** `POST /api/v1/jobs/{id}/cancel`, which Postman writes with `:id`. */
const operationOf = ({ request }: Item) =>
  `${request?.method} /${request?.url.path.join('/').replaceAll(/:(\w+)/g, '{$1}')}`;
const requestsOf = (name: string) => folders.find((folder) => folder.name === name)?.item ?? [];
const requests = folders.flatMap(({ item = [] }) => item);
const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

describe('the Postman collection', () => {
  it('has every operation of openapi.json; if not, add a request to the folder it belongs to', () => {
    const present = new Set(requests.map(operationOf));
    expect(documented.filter((operation) => !present.has(operation))).toEqual([]);
  });

  it('asks for nothing that openapi.json does not have, but to be refused', () => {
    const refused = new Set(requestsOf('Errors'));
    const unknown = requests.filter((request) => !documented.includes(operationOf(request)));
    expect(unknown.filter((request) => !refused.has(request)).map(({ name }) => name)).toEqual([]);
  });

  it('has a status assertion in every request, and no two of one name in a folder', () => {
    const scripts = (request: Item) =>
      (request.event ?? []).filter(({ listen }) => listen === 'test').flatMap(({ script }) => script.exec);
    const unasserted = requests.filter(
      (request) => !/have\.status|response\.code/.test(scripts(request).join('\n')),
    );
    expect(unasserted.map(({ name }) => name)).toEqual([]);
    for (const { item = [] } of folders) expect(new Set(item.map(({ name }) => name)).size).toBe(item.length);
  });

  it.each(['local', 'docker'])('has an environment %s, without a key in it', (name) => {
    const file = join(ROOT, `postman/${name}.postman_environment.json`);
    const { values } = read<{ values: { key: string; value: string }[] }>(file);
    expect(values.map(({ key }) => key)).toEqual(['baseUrl', 'apiKey']);
    expect(values.find(({ key }) => key === 'apiKey')?.value).toBe('');
  });
});
