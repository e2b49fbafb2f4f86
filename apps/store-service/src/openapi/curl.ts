/** An example request as a line for a shell. */
import type { DescribedOperation, Parameter } from './specification.js';

/** Where `make start` puts the store. */
const ORIGIN = 'http://localhost:3000';

export function curlLine(method: string, path: string, operation: DescribedOperation): string {
  const parameters = operation.parameters ?? [];
  const given = (place: Parameter['in']) =>
    parameters.flatMap(({ name, in: at, example }) =>
      at === place && example !== undefined ? [{ name, text: textOf(example) }] : [],
    );
  const filled = given('path').reduce(
    (url, { name, text }) => url.replace(`{${name}}`, encodeURIComponent(text)),
    path,
  );
  const query = given('query')
    .map(({ name, text }) => `${name}=${encodeURIComponent(text).replaceAll('%2C', ',')}`)
    .join('&');
  const body = operation.requestBody?.content['application/json']?.example;
  return [
    method === 'get' ? 'curl' : `curl -X ${method.toUpperCase()}`,
    quoted(`${ORIGIN}${filled}${query === '' ? '' : `?${query}`}`),
    ...(operation.security.length === 0 ? [] : ['-H "Authorization: Bearer $TRIUMVIR_API_KEY"']),
    ...given('header').map(({ name, text }) => `-H ${quoted(`${name}: ${text}`)}`),
    ...(body === undefined
      ? []
      : [`-H ${quoted('content-type: application/json')}`, `-d ${quoted(textOf(body))}`]),
  ].join(' ');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join(',');
  return JSON.stringify(value);
}

/** In single quotes a shell changes nothing. */
const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
