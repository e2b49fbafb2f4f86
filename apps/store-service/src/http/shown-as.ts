/** How schemas of requests appear in the API's document where zod cannot tell: what a transform accepts, mostly. */
import { z } from 'zod';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

const shown = z.registry<{ readonly json: JsonSchema }>();

/** The schema itself, known to the document as `json`. Descriptions and defaults that are added to it later are kept. */
export function shownAs<Schema extends z.ZodType>(schema: Schema, json: JsonSchema): Schema {
  // A registry's add takes any schema; its type is narrower for generic ones.
  (shown as z.core.$ZodRegistry<{ readonly json: JsonSchema }>).add(schema, { json });
  return schema;
}

export function shownJson(schema: z.core.$ZodType): JsonSchema | undefined {
  return shown.get(schema)?.json;
}
