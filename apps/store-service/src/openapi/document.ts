/** The API as one OpenAPI 3.1 document, made from the routes, the schemas that check them, and what was said of each. */
import type { Type } from '@nestjs/common';
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import { isPage } from '../http/next-link.js';
import type { AnswerOptions, OperationOptions } from '../http/operation.js';
import { JsonSchemas } from './json-schemas.js';
import { commonAnswers, problemAnswers } from './problem-answers.js';
import { routesOf, type Route } from './routes.js';
import { SECURITY_SCHEMES, securityOf } from './security.js';
import type {
  Answer,
  Content,
  DescribedOperation,
  OpenApiDocument,
  Parameter,
  RequestBody,
} from './specification.js';
import { TAGS } from './tags.js';

const DESCRIPTION = `Triumvir runs jobs: durable, tried again when they fail, never again after a recorded success.

Bodies are JSON. Times are ISO 8601 with an offset; answers give them in UTC. Durations are whole milliseconds or a text such as \`500ms\`, \`30s\`, \`5m\`, \`1h30m\`, \`1d\`; answers give milliseconds. Unknown fields are refused in requests; clients should ignore those that they do not know in answers.

Errors are problem documents (RFC 9457): \`type\` names the kind for programs, \`detail\` is a sentence for people, \`errors\` names each field with what is wrong and what is allowed. After 503, and after a connection that broke, the same request may be sent again: reads, and submissions with an Idempotency-Key, do no more the second time.

As soon as there is an API key, every request but those for health needs one, as \`Authorization: Bearer tv_…\` or \`X-API-Key\`, with the scope that its route names. Jobs of the type \`command\` need the scope \`submit:command\`. A key may be limited to some queues: lists leave the others out. A key with a rate is told of it in \`RateLimit\` and \`RateLimit-Policy\`.

Lists come newest first in pages of \`limit\`; \`nextCursor\`, and the header \`Link\`, lead to the next page, without gap or repetition while more arrives.`;

/** @param version of the software */
export function openApiDocument(controllers: readonly Type[], version: string): OpenApiDocument {
  const schemas = new JsonSchemas();
  const paths: Record<string, Record<string, DescribedOperation>> = {};
  for (const route of inOrder(routesOf(controllers))) {
    if (route.operation === undefined) continue;
    const path = (paths[route.path] ??= {});
    path[route.method] = describe(route, route.operation, schemas);
  }
  const responses = commonAnswers(schemas);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Triumvir',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The store that this document comes from.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: schemas.components, responses, securitySchemes: SECURITY_SCHEMES },
  };
}

/** By chapter, so that moving code does not move the document. */
function inOrder(routes: readonly Route[]): Route[] {
  const chapters = Object.keys(TAGS);
  const place = ({ operation, path }: Route) =>
    `${String(chapters.indexOf(operation?.tag ?? '')).padStart(3, '0')} ${path}`;
  return routes.toSorted((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0));
}

function describe(route: Route, operation: OperationOptions, schemas: JsonSchemas): DescribedOperation {
  const { id, tag, summary, description, answers } = operation;
  const parameters = [
    ...parametersOf('path', route.parameters?.shape, undefined, schemas),
    ...parametersOf('query', route.query?.shape, operation.example?.query, schemas),
    ...parametersOf('header', operation.headers, operation.example?.headers, schemas),
  ];
  const requestBody = requestBodyOf(route, operation, schemas);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody !== undefined && { requestBody }),
    security: securityOf(route.access),
    responses: {
      ...problemAnswers(route, schemas),
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, schemas)]),
      ),
    },
  };
}

function parametersOf(
  place: Parameter['in'],
  fields: Readonly<Record<string, z.core.$ZodType>> | undefined,
  examples: Readonly<Record<string, Json>> | undefined,
  schemas: JsonSchemas,
): Parameter[] {
  return Object.entries(fields ?? {}).map(([name, field]) => {
    const { description, examples: own, ...schema } = schemas.of(field as z.ZodType, 'input');
    const example = examples?.[name] ?? (own?.[0] as Json | undefined);
    return {
      name,
      in: place,
      required: !(field as z.ZodType).safeParse(undefined).success,
      ...(description !== undefined && { description }),
      schema,
      ...(example !== undefined && { example }),
      ...(place === 'query' && schema.type === 'array' && { explode: false as const }),
    };
  });
}

function requestBodyOf(
  route: Route,
  operation: OperationOptions,
  schemas: JsonSchemas,
): RequestBody | undefined {
  const checked = operation.body ?? route.body;
  if (checked === undefined) return undefined;
  const { description, ...schema } = schemas.of(checked, 'input');
  const content: Record<string, Content> = {
    'application/json': { schema, ...exampleOf(operation.example?.body) },
  };
  Object.assign(content, texts(operation.alsoAccepts ?? {}));
  return {
    required: !(route.body ?? checked).safeParse(undefined).success,
    ...(description !== undefined && { description }),
    content,
  };
}

const LINK_HEADER = { Link: 'The next page, `rel="next"`, when there is one.' };

function answerOf(
  { description, schema, example, mediaType, orAs = {}, headers }: AnswerOptions,
  schemas: JsonSchemas,
): Answer {
  const body = schema === undefined ? { type: 'string' as const } : schemas.of(schema, 'output');
  const hasBody = schema !== undefined || mediaType !== undefined;
  const isOfPages = schema instanceof z.ZodObject && isPage(Object.keys(schema.shape));
  const allHeaders = { ...(isOfPages && LINK_HEADER), ...headers };
  return {
    description,
    ...(Object.keys(allHeaders).length > 0 && {
      headers: Object.fromEntries(
        Object.entries(allHeaders).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
    ...(hasBody && {
      content: {
        [mediaType ?? 'application/json']: { schema: body, ...exampleOf(example) },
        ...texts(orAs),
      },
    }),
  };
}

/** Bodies that are no JSON. */
function texts(
  mediaTypes: Readonly<Record<string, { readonly description: string; readonly example: string }>>,
): Record<string, Content> {
  return Object.fromEntries(
    Object.entries(mediaTypes).map(([mediaType, { description, example }]) => [
      mediaType,
      { schema: { type: 'string', description }, example },
    ]),
  );
}

const exampleOf = (example: Json | undefined) => (example === undefined ? {} : { example });
