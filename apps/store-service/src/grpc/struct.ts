/** JSON as google.protobuf.Value and Struct carry it. */
import type { Json } from '#common/domain/job.js';

/** Exactly one of the fields is there; none at all counts as null. */
export interface ValueMessage {
  readonly nullValue?: 'NULL_VALUE';
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: StructMessage;
  readonly listValue?: { readonly values?: readonly ValueMessage[] };
}

export interface StructMessage {
  readonly fields?: Readonly<Record<string, ValueMessage>>;
}

/** A level of JSON is up to three messages inside each other, and clients refuse more than about a hundred of those. */
const MAX_DEPTH = 30;

export function jsonOfStruct({ fields = {} }: StructMessage): Json {
  // Not by assignment: a field may be called __proto__.
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, jsonOf(value)]));
}

export function jsonOf(value: ValueMessage): Json {
  if (value.structValue !== undefined) return jsonOfStruct(value.structValue);
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(jsonOf);
  return value.stringValue ?? value.numberValue ?? value.boolValue ?? null;
}

export function structOf(json: Readonly<Record<string, Json>>): StructMessage {
  return {
    fields: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, valueOf(value)])),
  };
}

export function valueOf(json: Json): ValueMessage {
  if (json === null) return { nullValue: 'NULL_VALUE' };
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (isList(json)) return { listValue: { values: json.map(valueOf) } };
  return { structValue: structOf(json) };
}

/** Whether it fits into a message at all. */
export function fitsMessage(json: Json, depth = 0): boolean {
  if (json === null || typeof json !== 'object') return true;
  return depth < MAX_DEPTH && Object.values(json).every((item) => fitsMessage(item, depth + 1));
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
