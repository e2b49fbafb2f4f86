/**
 * The page at /docs, written from the document on the server. Everything is in it, and its Content-Security-Policy lets
 * a browser load nothing else and run nothing but the one script that searches.
 */
import { createHash } from 'node:crypto';
import { curlLine } from './curl.js';
import { html, Html, prose } from './html.js';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-assets.js';
import { schemaBlock } from './schema-html.js';
import {
  METHODS,
  type Answer,
  type Content,
  type DescribedOperation,
  type Method,
  type OpenApiDocument,
  type Parameter,
  type Reference,
} from './specification.js';

export interface Page {
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

// Not within the templates: their hashes count every character.
const STYLE = new Html(`<style>${PAGE_STYLE}</style>`);
const SCRIPT = new Html(`<script>${PAGE_SCRIPT}</script>`);

interface Entry {
  readonly method: Method;
  readonly path: string;
  readonly operation: DescribedOperation;
}

export function docsPage(document: OpenApiDocument): Page {
  const entries = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method): Entry[] => {
      const operation = item[method];
      return operation === undefined ? [] : [{ method, path, operation }];
    }),
  );
  const chapters = document.tags.map(({ name, description }) => {
    const own = entries.filter(({ operation }) => operation.tags.includes(name));
    return html`<section class="chapter">
      <h2>${name}</h2>
      <p>${description}</p>
      ${own.map((entry) => operationHtml(entry, document))}
    </section>`;
  });
  const { title, version, description } = document.info;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} API</title>
        ${STYLE}
      </head>
      <body>
        <header>
          <h1>${title} <small>API, version ${version}</small></h1>
          ${prose(description)}
          <p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).</p>
          <label
            >Search
            <input
              id="search"
              type="search"
              placeholder="cancel, /schedules, Idempotency-Key …"
              autocomplete="off"
          /></label>
          <p id="found" role="status"></p>
        </header>
        <main>
          ${chapters}
          <section class="chapter">
            <h2>Schemas</h2>
            ${Object.entries(document.components.schemas).map(
              ([name, schema]) =>
                html`<details class="entry" id="schema-${name}">
                  <summary><code>${name}</code></summary>
                  ${schemaBlock(schema)}
                </details>`,
            )}
          </section>
        </main>
        ${SCRIPT}
      </body>
    </html> `;
  return {
    html: page.text,
    contentSecurityPolicy: [
      `default-src 'none'`,
      `style-src '${sha256(PAGE_STYLE)}'`,
      `script-src '${sha256(PAGE_SCRIPT)}'`,
      `base-uri 'none'`,
      `form-action 'none'`,
      `frame-ancestors 'none'`,
    ].join('; '),
  };
}

const sha256 = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

function operationHtml({ method, path, operation }: Entry, document: OpenApiDocument): Html {
  const { operationId, summary, description, parameters = [], requestBody, security, responses } = operation;
  const scope = Object.values(security[0] ?? {})
    .flat()
    .join(', ');
  const bodies = Object.entries(requestBody?.content ?? {});
  return html`<details class="entry" id="${operationId}">
    <summary>
      <b class="method ${method}">${method.toUpperCase()}</b> <code>${path}</code>
      <span>${summary}</span>
    </summary>
    ${description === undefined ? undefined : prose(description)}
    <p>
      ${scope === '' ? 'Needs no key.' : html`Needs a key with the scope <code>${scope}</code>, where there are keys.`}
    </p>
    ${parameters.length === 0 ? undefined : parametersHtml(parameters)}
    ${bodies.map(
      ([mediaType, content]) =>
        html`<h4>Body <code>${mediaType}</code></h4>
          ${contentHtml(content)}`,
    )}
    <h4>Try it</h4>
    <pre>${curlLine(method, path, operation)}</pre>
    <h4>Answers</h4>
    ${Object.entries(responses).map(([status, answer]) => answerHtml(status, answer, document))}
  </details>`;
}

function parametersHtml(parameters: readonly Parameter[]): Html {
  return html`<h4>Parameters</h4>
    <dl>
      ${parameters.map(
        ({ name, in: place, required, description, schema }) =>
          html`<dt><code>${name}</code> <small>in ${place}${required ? ', required' : ''}</small></dt>
            <dd>${prose(description ?? '')}${schemaBlock(schema)}</dd>`,
      )}
    </dl>`;
}

function answerHtml(status: string, given: Answer | Reference, document: OpenApiDocument): Html {
  const answer = resolved(given, document);
  const kind = status.startsWith('2') ? 'good' : 'bad';
  return html`<details class="answer">
    <summary>
      <b class="${kind}">${status === 'default' ? 'else' : status}</b> ${firstSentence(answer.description)}
    </summary>
    ${prose(answer.description)}
    ${Object.entries(answer.headers ?? {}).map(
      ([name, header]) => html`<p><code>${name}</code>: ${header.description}</p>`,
    )}
    ${Object.entries(answer.content ?? {}).map(
      ([mediaType, content]) =>
        html`<h5><code>${mediaType}</code></h5>
          ${contentHtml(content)}`,
    )}
  </details>`;
}

function contentHtml({ schema, example }: Content): Html {
  const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2);
  return html`${schemaBlock(schema)}${example === undefined ? undefined : html`<pre>${text}</pre>`}`;
}

function resolved(answer: Answer | Reference, document: OpenApiDocument): Answer {
  if (!('$ref' in answer)) return answer;
  const name = answer.$ref.slice('#/components/responses/'.length);
  const found = document.components.responses[name];
  if (found === undefined) throw new Error(`the document refers to ${answer.$ref}, which is not in it`);
  return found;
}

const firstSentence = (text: string) => /^[^.:]*/.exec(text)?.[0] ?? text;
