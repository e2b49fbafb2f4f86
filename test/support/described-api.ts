/** What openapi.json promises, held against what is really answered. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { ROOT } from '#tools/root.js';

export interface Described {
  readonly id: string;
  readonly method: string;
  /** With its parameters: `/api/v1/jobs/{id}`. */
  readonly path: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: Node;
    readonly example?: unknown;
  }[];
  /** By media type. */
  readonly bodies: Readonly<Record<string, Media>>;
  readonly answers: Readonly<Record<string, { readonly content: Readonly<Record<string, Media>> }>>;
}

interface Media {
  readonly example?: unknown;
  readonly schema: Node;
  /** Address of the schema within the document. */
  readonly schemaAt: string;
}

export interface Received {
  readonly method: string;
  /** With or without a query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

type Node = { readonly [key: string]: unknown };

const DOCUMENT = 'openapi.json';
const FORMATS = {
  'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

export class DescribedApi {
  readonly operations: readonly Described[];
  readonly document: Node;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, formats: FORMATS });

  constructor(document: unknown = JSON.parse(readFileSync(join(ROOT, DOCUMENT), 'utf8'))) {
    this.document = document as Node;
    this.#ajv.addSchema(closed(document) as Node, DOCUMENT);
    this.operations = this.#read();
  }

  /** The operation that answers a request; undefined when there is none. */
  operationFor(method: string, path: string): Described | undefined {
    const [pathname = ''] = path.split('?');
    return this.operations.find(
      (operation) =>
        operation.method === method &&
        new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
    );
  }

  /** @throws when an answer is not as the document says; answers of routes that it does not have are let pass */
  check({ method, path, status, contentType, text }: Received): void {
    const operation = this.operationFor(method, path);
    if (operation === undefined) return;
    const where = `${operation.id} (${method} ${path}) answered ${status}`;
    const answer = operation.answers[status];
    if (answer === undefined)
      throw new Error(`${where}, which openapi.json does not know: ${text.slice(0, 500)}`);
    const mediaType = (contentType ?? '').split(';')[0]?.trim() ?? '';
    const media = answer.content[mediaType];
    if (media === undefined)
      throw new Error(`${where} as ${mediaType}; openapi.json has ${Object.keys(answer.content).join()}`);
    if (!/[/+]json$/.test(mediaType)) return;
    const faults = this.faults(media.schemaAt, JSON.parse(text));
    if (faults !== undefined) throw new Error(`${where} otherwise than openapi.json says: ${faults}`);
  }

  /** What is wrong with a value by the schema at that address; undefined when nothing is. */
  faults(schemaAt: string, value: unknown): string | undefined {
    const validate = this.#ajv.getSchema(`${DOCUMENT}${schemaAt}`);
    if (validate === undefined) throw new Error(`there is no schema at ${schemaAt}`);
    return validate(value) === true
      ? undefined
      : this.#ajv.errorsText(validate.errors, { dataVar: 'answer' });
  }

  #read(): Described[] {
    const operations = Object.entries(this.document['paths'] as Node).flatMap(([path, item]) =>
      Object.entries(item as Record<string, Node>).map(([method, operation]): Described => {
        const at = `#/paths/${escaped(path)}/${method}`;
        const body = operation['requestBody'] as Node | undefined;
        return {
          id: operation['operationId'] as string,
          method: method.toUpperCase(),
          path,
          parameters: (operation['parameters'] ?? []) as Described['parameters'],
          bodies: medias((body?.['content'] ?? {}) as Node, `${at}/requestBody`),
          answers: Object.fromEntries(
            Object.entries(operation['responses'] as Record<string, Node>).map(([status, answer]) => [
              status,
              this.#answer(answer, `${at}/responses/${status}`),
            ]),
          ),
        };
      }),
    );
    // Where a fixed path and one with a parameter fit, the fixed one answers.
    return operations.toSorted((a, b) => a.path.split('{').length - b.path.split('{').length);
  }

  #answer(answer: Node, at: string): Described['answers'][string] {
    const reference = answer['$ref'] as string | undefined;
    if (reference === undefined) return { content: medias((answer['content'] ?? {}) as Node, at) };
    const found = reference
      .slice(2)
      .split('/')
      .reduce((node, key) => node[key] as Node, this.document);
    return { content: medias(found['content'] as Node, reference) };
  }
}

function medias(content: Node, at: string): Record<string, Media> {
  return Object.fromEntries(
    Object.entries(content as Record<string, Node>).map(([mediaType, media]) => [
      mediaType,
      {
        example: media['example'],
        schema: media['schema'] as Node,
        schemaAt: `${at}/content/${escaped(mediaType)}/schema`,
      },
    ]),
  );
}

/** A key as a JSON pointer in a URI fragment has it. */
const escaped = (key: string) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Clients must let unknown fields of answers pass; we must not answer any that nobody has documented. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, key.startsWith('example') ? value : closed(value)]),
  );
  const isOpenObject = copy['type'] === 'object' && 'properties' in copy && !('additionalProperties' in copy);
  return isOpenObject ? { ...copy, additionalProperties: false } : copy;
}
