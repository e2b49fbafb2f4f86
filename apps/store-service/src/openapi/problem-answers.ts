/** How routes refuse: which problems every route of a shape may answer, and each as the document tells it. */
import { Problem, problemSchema, type ProblemKind } from '../http/problem.js';
import type { JsonSchemas } from './json-schemas.js';
import type { Route } from './routes.js';
import type { Answer, Reference } from './specification.js';

const MEDIA_TYPE = 'application/problem+json';
const INSTANCE = '/api/v1/jobs';

/** Problems that do not depend on the route, with the text of an example. */
const COMMON = {
  'bad-request': {
    when: 'The URL or a header holds what is not allowed, or the body is not JSON. `errors` names each field.',
    example: 'limit: must be a whole number from 1 to 200',
  },
  unauthenticated: {
    when: 'No API key came with the request, or one that does not exist, has expired or was revoked. `WWW-Authenticate` says how to send one.',
    example: 'An API key is needed: send it as Authorization: Bearer tv_… or as X-API-Key.',
  },
  forbidden: {
    when: 'The API key lacks the scope, or is limited to other queues; the request names a host that this store does not answer to; or a change is asked for by a page of another site.',
    example: 'This needs the scope operate, which the key "nightly reports" does not have.',
  },
  'payload-too-large': {
    when: 'The body is larger than 256 KiB; that of a batch, than 32 MiB.',
    example: 'A request body may have 262144 bytes at most, that of a batch 33554432.',
  },
  'unsupported-media-type': {
    when: 'The body is not declared as JSON.',
    example: 'Send the body as JSON, with the header content-type: application/json.',
  },
  'validation-failed': {
    when: 'Fields of the body are not as they must be. `errors` names each, with what is allowed.',
    example: 'type: is required (string)',
  },
  'too-many-requests': {
    when: 'The API key has made as many requests as its rate allows. `Retry-After` says when to try again, in seconds.',
    example: 'The key "nightly reports" has made as many requests as it may. Try again in 1 s.',
  },
  unavailable: {
    when: 'A server behind the store is away. `Retry-After` says when to try again, in seconds.',
    example: 'The database cannot be reached. Nothing is known to have changed; try again.',
  },
  internal: {
    when: 'An error of the store itself. It has been logged.',
    example: 'The service met an error of its own. It has been logged.',
  },
} as const satisfies { readonly [Kind in ProblemKind]?: { readonly when: string; readonly example: string } };

type CommonKind = keyof typeof COMMON;

const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } },
} as const satisfies Answer['headers'];

const HEADERS: { readonly [Kind in CommonKind]?: NonNullable<Answer['headers']> } = {
  unauthenticated: {
    'WWW-Authenticate': { description: 'Says that a bearer token is wanted.', schema: { type: 'string' } },
  },
  'too-many-requests': {
    ...RETRY_AFTER,
    RateLimit: {
      description:
        "What is left of the key's rate, and for how long (as in all answers to a key with a rate).",
      schema: { type: 'string' },
    },
    'RateLimit-Policy': { description: "The key's rate.", schema: { type: 'string' } },
  },
  unavailable: RETRY_AFTER,
};

/** Under `components.responses`, by the name of their kind. */
export function commonAnswers(schemas: JsonSchemas): Readonly<Record<string, Answer>> {
  return Object.fromEntries(
    Object.entries(COMMON).map(([kind, { when, example }]) => {
      const answer = problemAnswer(schemas, kind as CommonKind, when, example);
      const headers = HEADERS[kind as CommonKind];
      return [kind, headers === undefined ? answer : { ...answer, headers }];
    }),
  );
}

/** Of one route: by status, and `default` for what is left. */
export function problemAnswers(
  route: Route,
  schemas: JsonSchemas,
): Readonly<Record<string, Answer | Reference>> {
  const own = Object.entries(route.operation?.problems ?? {}) as [ProblemKind, string][];
  const answers = new Map<string, Answer | Reference>();
  for (const kind of commonKinds(route))
    answers.set(statusOf(kind), { $ref: `#/components/responses/${kind}` });
  for (const [kind, when] of own) answers.set(statusOf(kind), problemAnswer(schemas, kind, when, when));
  answers.set('default', { $ref: '#/components/responses/internal' });
  return Object.fromEntries(answers);
}

function commonKinds({ operation, access, body, query, parameters, headers }: Route): CommonKind[] {
  const hasBody = body !== undefined || operation?.body !== undefined;
  const reads = hasBody || query !== undefined || parameters !== undefined || headers.length > 0;
  const needsKey = access !== undefined && access.scope !== 'nothing';
  return [
    ...(needsKey ? (['unauthenticated', 'too-many-requests'] as const) : []),
    'forbidden',
    ...(reads ? (['bad-request'] as const) : []),
    ...(hasBody ? (['payload-too-large', 'unsupported-media-type', 'validation-failed'] as const) : []),
    ...(operation?.standalone === true && !needsKey ? [] : (['unavailable'] as const)),
  ];
}

function problemAnswer(schemas: JsonSchemas, kind: ProblemKind, when: string, example: string): Answer {
  return {
    description: when,
    content: {
      [MEDIA_TYPE]: {
        schema: schemas.of(problemSchema, 'output'),
        example: JSON.parse(JSON.stringify(new Problem(kind, example).toDocument(INSTANCE))) as Readonly<
          Record<string, string>
        >,
      },
    },
  };
}

function statusOf(kind: ProblemKind): string {
  return String(new Problem(kind, '').status);
}
