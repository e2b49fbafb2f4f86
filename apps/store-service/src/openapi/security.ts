/** How the API's document tells who may use a route. */
import type { RouteAccess } from '#common/access/requires.js';
import type { SecurityRequirement, SecurityScheme } from './specification.js';

export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'tv_…',
    description: 'An API key, as `Authorization: Bearer tv_…`. Needed as soon as there is one.',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'The same key, for clients that cannot send it as a bearer token.',
  },
} as const satisfies Readonly<Record<string, SecurityScheme>>;

/** Either scheme, with the scope that the key needs. */
export function securityOf(access: RouteAccess | undefined): SecurityRequirement[] {
  if (access === undefined || access.scope === 'nothing') return [];
  const { scope } = access;
  return Object.keys(SECURITY_SCHEMES).map((scheme) => ({ [scheme]: [scope] }));
}
