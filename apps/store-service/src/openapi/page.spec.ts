import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { curlLine } from './curl.js';
import { openApiDocument } from './document.js';
import { OpenApiController } from './openapi.controller.js';
import { docsPage } from './page.js';
import type { DescribedOperation, OpenApiDocument } from './specification.js';

const operation: DescribedOperation = {
  operationId: 'renameThing',
  tags: ['Service'],
  summary: 'Rename <thing>',
  parameters: [
    { name: 'id', in: 'path', required: true, schema: { type: 'string' }, example: 'a/b' },
    { name: 'state', in: 'query', required: false, schema: {}, example: ['x', 'y'], explode: false },
    { name: 'If-Match', in: 'header', required: false, schema: {}, example: '"3"' },
  ],
  requestBody: {
    required: true,
    content: { 'application/json': { schema: {}, example: { name: "it's" } } },
  },
  security: [{ bearer: ['operate'] }],
  responses: { 200: { description: 'Done.' }, 403: { $ref: '#/components/responses/forbidden' } },
};

const empty = openApiDocument([OpenApiController], '1.2.3');
const document: OpenApiDocument = { ...empty, paths: { '/things/{id}': { put: operation } } };

test('the page loads nothing, and its policy lets it run its own script only', () => {
  const { html, contentSecurityPolicy } = docsPage(document);
  expect(html).not.toMatch(/\b(src|srcset|@import)\s*=|<link|<iframe|href="(https?:)?\/\//);
  for (const [tag, directive] of [
    ['script', 'script-src'],
    ['style', 'style-src'],
  ] as const) {
    const [, content = '', ...others] = html.split(new RegExp(`</?${tag}>`));
    expect(others).toHaveLength(1);
    const hash = createHash('sha256').update(content).digest('base64');
    expect(contentSecurityPolicy).toContain(`${directive} 'sha256-${hash}'`);
  }
  expect(html).not.toMatch(/ (style|on[a-z]+)="/);
  expect(contentSecurityPolicy).toContain("default-src 'none'");
  expect(contentSecurityPolicy).not.toContain('unsafe');
});

test('what the document says stays text on the page', () => {
  const { html } = docsPage(document);
  expect(html).toContain('Rename &lt;thing&gt;');
  expect(html).toContain('<code>/things/{id}</code>');
  expect(html).toContain('scope <code>operate</code>');
});

test('an example is a line that a shell takes as it is', () => {
  expect(curlLine('put', '/things/{id}', operation)).toBe(
    `curl -X PUT 'http://localhost:3000/things/a%2Fb?state=x,y' -H "Authorization: Bearer $TRIUMVIR_API_KEY" -H 'If-Match: "3"' -H 'content-type: application/json' -d '{"name":"it'\\''s"}'`,
  );
});
