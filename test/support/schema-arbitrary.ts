/**
 * Random values made from a JSON Schema of openapi.json: valid ones, valid ones with a mistake here and there, and wild
 * ones. Where a value should name something that exists, a placeholder stands, which Pool fills in when it is sent.
 */
import fc from 'fast-check';
import { nasty, nastyText } from './nasty-values.js';

export type Schema = { readonly [key: string]: unknown };

/** How a placeholder looks: what kind of thing it names, and which one of those. */
const PLACEHOLDER = /@@(\w+):(\d+)@@/g;

/** What answers have told of, so that later requests can be about it. */
export class Pool {
  readonly #known = new Map<string, string[]>();
  static readonly #MOST = 200;

  add(kind: string, value: string): void {
    const values = this.#known.get(kind) ?? [];
    if (values.push(value) > Pool.#MOST) values.shift();
    this.#known.set(kind, values);
  }

  /** Remembers whatever an answer has told that a request may name. */
  learn(answer: unknown, kinds: Readonly<Record<string, string>>): void {
    if (typeof answer !== 'object' || answer === null) return;
    for (const [key, value] of Object.entries(answer)) {
      const kind = kinds[key];
      if (kind !== undefined && typeof value === 'string') this.add(kind, value);
      else this.learn(value, kinds);
    }
  }

  /** @param encode how what is filled in must be written there */
  fill(text: string, encode: (value: string) => string = (value) => value): string {
    return text.replaceAll(PLACEHOLDER, (_all, kind: string, nth: string) => {
      const values = this.#known.get(kind) ?? [];
      return encode(values[Number(nth) % values.length] ?? '0198f2a4-0000-7000-8000-000000000000');
    });
  }
}

export const placeholder = (kind: string) => fc.nat(199).map((nth) => `@@${kind}:${nth}@@`);

export interface MakerOptions {
  /** Where `$ref` points into. */
  readonly document: Schema;
  /** Values for fields of these names, where a text, or anything, would do but means nothing. */
  readonly named: Readonly<Record<string, fc.Arbitrary<unknown>>>;
  /** Makes an object keep rules that the schema does not tell, so that enough of them are accepted. */
  readonly tidy: (object: Record<string, unknown>) => Record<string, unknown>;
}

/** An object with all that it may have is hardly ever accepted. */
const oftenAbsent = (there: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 1, arbitrary: there }, { weight: 2, arbitrary: fc.constant(undefined) });

/** Mistakes are made at one of about so many places. */
const PLACES = 25;
const DEPTH = 6;

export class SchemaMaker {
  constructor(
    private readonly options: MakerOptions,
    /** Whether a mistake may be made here and there. */
    private readonly sloppy: boolean,
  ) {}

  value(schema: Schema, name = '', depth = DEPTH): fc.Arbitrary<unknown> {
    const right = this.options.named[name] ?? this.#right(this.#resolve(schema), name, depth);
    return this.sloppy
      ? fc.oneof({ weight: PLACES, arbitrary: right }, { weight: 1, arbitrary: nasty })
      : right;
  }

  #resolve(schema: Schema): Schema {
    const reference = schema['$ref'];
    if (typeof reference !== 'string') return schema;
    const found = reference
      .slice(2)
      .split('/')
      .reduce((node, key) => node[key] as Schema, this.options.document);
    return this.#resolve(found);
  }

  #right(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    const choices = (schema['anyOf'] ?? schema['oneOf']) as Schema[] | undefined;
    if (choices !== undefined) return fc.oneof(...choices.map((choice) => this.value(choice, name, depth)));
    if (schema['enum'] !== undefined) return fc.constantFrom(...(schema['enum'] as unknown[]));
    if ('const' in schema) return fc.constant(schema['const']);
    const { type } = schema;
    if (Array.isArray(type))
      return fc.oneof(...type.map((one: string) => this.#right({ ...schema, type: one }, name, depth)));
    switch (type) {
      case 'object':
        return this.#object(schema, depth);
      case 'array':
        return this.#array(schema, name, depth);
      case 'string':
        return this.#text(schema);
      case 'integer':
      case 'number':
        return this.#number(schema);
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      default:
        return nasty;
    }
  }

  #object(schema: Schema, depth: number): fc.Arbitrary<unknown> {
    const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
    const required = (schema['required'] ?? []) as string[];
    const fields = properties.filter(([key]) => depth > 0 || required.includes(key));
    const record = fc
      .record(
        Object.fromEntries(
          fields.map(([key, field]) => {
            const there = this.value(field, key, depth - 1);
            return [key, required.includes(key) ? there : oftenAbsent(there)];
          }),
        ),
        { requiredKeys: this.sloppy ? [] : required },
      )
      .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
    const rest = schema['additionalProperties'];
    if (properties.length > 0) {
      if (!this.sloppy) return record.map(this.options.tidy);
      // Most objects have all that they need: one that lacks something is refused before the rest is looked at.
      return fc
        .tuple(record, this.#needed(fields, required), fc.nat(9))
        .map(([some, needed, nth]) =>
          nth > 0 ? this.options.tidy({ ...needed, ...some }) : { ...needed, ...some },
        );
    }
    const value =
      typeof rest === 'object' && rest !== null && Object.keys(rest).length > 0
        ? this.value(rest as Schema, '', depth - 1)
        : nasty;
    return fc.dictionary(
      nastyText.filter((key) => key !== '__proto__' && key !== 'command'),
      value,
      { maxKeys: 3 },
    );
  }

  #needed(fields: readonly [string, Schema][], required: readonly string[]): fc.Arbitrary<object> {
    const needed = fields.filter(([key]) => required.includes(key));
    const all = fc.record(Object.fromEntries(needed.map(([key, field]) => [key, this.value(field, key, 1)])));
    return fc.oneof({ weight: 9, arbitrary: all }, { weight: 1, arbitrary: fc.constant({}) });
  }

  #array(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    const least = Number(schema['minItems'] ?? 0);
    const most = Number(schema['maxItems'] ?? 1000);
    const item = this.value((schema['items'] ?? {}) as Schema, name, depth - 1);
    const few = fc.array(item, {
      minLength: this.sloppy ? 0 : least,
      maxLength: depth > 0 ? Math.min(least + 3, most) : least,
    });
    if (!this.sloppy || most > 100) return few;
    const tooMany = item.map((one) => Array.from({ length: most + 1 }, () => one));
    return fc.oneof({ weight: PLACES, arbitrary: few }, { weight: 1, arbitrary: tooMany });
  }

  #text(schema: Schema): fc.Arbitrary<unknown> {
    const least = Number(schema['minLength'] ?? 0);
    const most = Number(schema['maxLength'] ?? 40);
    const { format, pattern } = schema;
    if (format === 'uuid') return placeholder('id');
    if (format === 'date-time')
      return fc
        .date({ min: new Date('1971-01-01'), max: new Date('2199-01-01'), noInvalidDate: true })
        .map((date) => date.toISOString());
    if (typeof pattern === 'string' && pattern !== '^[^\\0]*$')
      return fc.stringMatching(new RegExp(pattern), { size: 'small' }).filter((text) => text.length <= most);
    const plain = fc
      .string({ unit: 'grapheme', minLength: least, maxLength: Math.max(least, Math.min(most, 20)) })
      .map((text) => text.replaceAll('\0', '0'));
    const edges = [least, most, ...(this.sloppy ? [least - 1, most + 1] : [])].filter(
      (length) => length >= 0,
    );
    return fc.oneof(
      { weight: 6, arbitrary: plain },
      { weight: 1, arbitrary: fc.constantFrom(...edges).map((length) => 'e'.repeat(length)) },
    );
  }

  #number(schema: Schema): fc.Arbitrary<unknown> {
    const min = Number(schema['minimum'] ?? -1000);
    const max = Number(schema['maximum'] ?? 1_000_000);
    const edges = [min, max, ...(this.sloppy ? [min - 1, max + 1, min + 0.5] : [])];
    return fc.oneof(fc.integer({ min, max }), fc.constantFrom(...edges));
  }
}
