/** JSON Schemas for people: a field a line, with its type, what is allowed, its default and its meaning. */
import type { JsonSchema } from '../http/shown-as.js';
import { html, prose, type Html } from './html.js';

const COMPONENTS = '#/components/schemas/';

export function schemaBlock(schema: JsonSchema): Html {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length > 0) {
    return html`<dl class="fields">
      ${properties.map(([name, property]) =>
        fieldHtml(name, property, schema.required?.includes(name) === true),
      )}
    </dl>`;
  }
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives?.some((alternative) => isSchema(alternative) && alternative.properties !== undefined)) {
    return html`<p>One of:</p>
      <ul>
        ${alternatives.map((alternative) => html`<li>${isSchema(alternative) ? schemaBlock(alternative) : ''}</li>`)}
      </ul>`;
  }
  return html`<p class="type">${typeOf(schema)}</p>`;
}

function fieldHtml(name: string, property: boolean | JsonSchema, required: boolean): Html {
  const schema = isSchema(property) ? property : {};
  const nested = schema.properties !== undefined ? schema : isSchema(schema.items) ? schema.items : undefined;
  return html`<dt><code>${name}</code> <small>${typeOf(schema)}${required ? ', required' : ''}</small></dt>
    <dd>
      ${prose(schema.description ?? '')} ${nested?.properties === undefined ? undefined : schemaBlock(nested)}
    </dd>`;
}

/** In words: `integer 0 to 9, default 5`. */
function typeOf(schema: boolean | JsonSchema): Html {
  if (!isSchema(schema)) return html`any`;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(COMPONENTS.length);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  const ending = schema.default === undefined ? '' : `, default ${JSON.stringify(schema.default)}`;
  return html`${kindOf(schema)}${limitsOf(schema)}${ending}`;
}

function kindOf(schema: JsonSchema): Html {
  if (schema.const !== undefined) return html`${JSON.stringify(schema.const)}`;
  if (schema.enum !== undefined) return html`one of ${schema.enum.map(String).join(', ')}`;
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined)
    return html`${alternatives.map((alternative, index) => html`${index === 0 ? '' : ' or '}${typeOf(alternative)}`)}`;
  if (schema.type === 'array') return html`list of ${typeOf(isSchema(schema.items) ? schema.items : {})}`;
  if (schema.type === undefined) return html`any JSON`;
  return html`${[schema.type].flat().join(' or ')}${schema.format === undefined ? '' : ` (${schema.format})`}`;
}

function limitsOf({
  minimum,
  maximum,
  minLength,
  maxLength,
  minItems,
  maxItems,
  pattern,
}: JsonSchema): string {
  return [
    range(minimum, maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum, ''),
    range(minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' items'),
    pattern === undefined ? '' : `, matches ${pattern}`,
  ].join('');
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return '';
  if (most === undefined) return ` from ${least}${unit}`;
  return least === undefined ? ` up to ${most}${unit}` : ` ${least} to ${most}${unit}`;
}

const isSchema = (schema: unknown): schema is JsonSchema => typeof schema === 'object' && schema !== null;
