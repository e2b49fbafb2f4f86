/** `npm run postman`: sends every request of the Postman collection to a running system and checks the answers. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import newman from 'newman';
import { ROOT } from './root.js';

export const COLLECTION_FILE = join(ROOT, 'postman/triumvir.postman_collection.json');
const ENVIRONMENT_FILE = join(ROOT, 'postman/local.postman_environment.json');
const DEFAULT_STORE_URL = 'http://localhost:3000';
/** Longer than any request waits; a stream that does not end must not hold up the run for ever. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface CollectionRun {
  readonly assertions: number;
  /** Request, assertion and what was wrong, one line each. */
  readonly failures: readonly string[];
}

/** Runs the collection once; `report` also tells each request on standard output. */
export function runCollection(
  storeUrl: string,
  { apiKey = '', report = false } = {},
): Promise<CollectionRun> {
  return new Promise((resolve, reject) => {
    newman.run(
      {
        collection: COLLECTION_FILE,
        environment: ENVIRONMENT_FILE,
        envVar: [
          { key: 'baseUrl', value: storeUrl.replace(/\/$/, '') },
          { key: 'apiKey', value: apiKey },
        ],
        reporters: report ? ['cli'] : [],
        reporter: { cli: { noBanner: true, noSuccessAssertions: true } },
        color: process.env['NO_COLOR'] ? 'off' : 'auto',
        timeoutRequest: REQUEST_TIMEOUT_MS,
      },
      (error, { run }) => {
        if (error !== null) return reject(error);
        const failures = run.failures.map(
          ({ source, error: { test = '', message } }) => `${source?.name ?? ''}: ${test}: ${message}`,
        );
        resolve({ assertions: run.stats.assertions.total, failures });
      },
    );
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { failures } = await runCollection(process.env['STORE_SERVICE_URL'] || DEFAULT_STORE_URL, {
    apiKey: process.env['TRIUMVIR_API_KEY'] ?? '',
    report: true,
  });
  process.exitCode = failures.length === 0 ? 0 : 1;
}
