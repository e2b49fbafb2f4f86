/** Generates the types of the client from openapi.json, when that is newer than they are. */
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const DOCUMENT = 'openapi.json';
const TYPES = 'libs/client/src/generated/openapi.ts';

const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (changed(TYPES) < Math.max(changed(DOCUMENT), changed('package-lock.json'))) {
  // Loaded only when there is something to do: it takes longer than the rest.
  const { default: typesOf, astToString } = await import('openapi-typescript');
  const document = JSON.parse(readFileSync(DOCUMENT, 'utf8'));
  // A field with a default may be left out of a request.
  const types = astToString(await typesOf(document, { defaultNonNullable: false }));
  mkdirSync(dirname(TYPES), { recursive: true });
  writeFileSync(TYPES, `/** Generated from ${DOCUMENT} by \`npm run generate\`. */\n${types}`);
  utimesSync(TYPES, new Date(), new Date());
}
