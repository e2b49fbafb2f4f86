/** JSON Schemas of the zod schemas that check requests and type answers. Schemas with an id are told once and referred to. */
import { z } from 'zod';
import { shownJson, type JsonSchema } from '../http/shown-as.js';

/** Keywords that stay when the rest of a schema is shown otherwise. */
const ANNOTATIONS = new Set(['id', 'title', 'description', 'default', 'examples', 'deprecated']);

const DEFINITIONS = '#/$defs/';
const COMPONENTS = '#/components/schemas/';

export class JsonSchemas {
  readonly #components = new Map<string, JsonSchema>();

  /** @param io whether it is shown as clients send it, or as they get it */
  of(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const converted = z.toJSONSchema(schema, {
      io,
      override: ({ zodSchema, jsonSchema }) => {
        showAsTold(zodSchema, jsonSchema);
        leaveOutWhatTellsNothing(jsonSchema);
        if (io === 'input') addDefault(zodSchema, jsonSchema);
        // Answers may get more fields in later versions; clients must not be made to refuse them.
        else if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      },
    });
    const { $schema: _draft, $defs = {}, ...json } = withReferencesToComponents(converted);
    for (const [name, definition] of Object.entries($defs)) this.#add(name, definition);
    return json;
  }

  /** Every schema that was met and has an id, by that id. */
  get components(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries([...this.#components].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #add(name: string, definition: JsonSchema): void {
    const known = this.#components.get(name);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(definition)) {
      throw new Error(`two different schemas have the id ${name}, or it is used for requests and answers`);
    }
    this.#components.set(name, definition);
  }
}

function showAsTold(schema: z.core.$ZodType, json: JsonSchema): void {
  const told = shownJson(schema);
  if (told === undefined) return;
  for (const keyword of Object.keys(json)) if (!ANNOTATIONS.has(keyword)) delete json[keyword];
  Object.assign(json, { ...told, ...json });
}

/** Limits of JavaScript's own, what `format` says already, and that nobody writes into answers. */
function leaveOutWhatTellsNothing(json: JsonSchema): void {
  delete json.readOnly;
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  if (json.format === 'uuid') delete json.pattern;
  if (JSON.stringify(json.propertyNames) === '{"type":"string"}') delete json.propertyNames;
}

/** zod leaves out the defaults of what it transforms; ours look the same before and after. */
function addDefault(schema: z.core.$ZodType, json: JsonSchema): void {
  if (schema instanceof z.ZodDefault && json.default === undefined) json.default = schema.def.defaultValue;
}

function withReferencesToComponents(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key: string, value: unknown) =>
    key === '$ref' && typeof value === 'string' ? value.replace(DEFINITIONS, COMPONENTS) : value,
  ) as JsonSchema;
}
