/** `npm run openapi`: writes openapi.json from the routes and schemas of the store, so that it cannot fall behind. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { parseEnvironment } from '#common/config/environment.js';
import { version } from '#common/config/version.js';
import { createLogger } from '#common/logging/logger.js';
import { storeEnvironment } from '../apps/store-service/src/environment.js';
import { openApiDocument } from '../apps/store-service/src/openapi/document.js';
import { controllersOf } from '../apps/store-service/src/openapi/routes.js';
import type { OpenApiDocument } from '../apps/store-service/src/openapi/specification.js';
import { StoreModule } from '../apps/store-service/src/store.module.js';
import { ROOT } from './root.js';

export const OPENAPI_FILE = join(ROOT, 'openapi.json');

/** Every controller of the store. Nothing is connected to: Nest only looks at what there is. */
export async function currentControllers(): Promise<Type[]> {
  const environment = parseEnvironment(storeEnvironment, { DATABASE_URL: 'postgresql://nowhere/none' });
  const store = StoreModule.register({
    environment,
    identity: { id: 'openapi', host: 'nowhere', pid: process.pid },
    log: createLogger({ service: 'openapi', instance: 'openapi', level: 'error', format: 'json' }),
  });
  const app = await NestFactory.createApplicationContext(store, { preview: true, logger: false });
  return controllersOf(app.get(ModulesContainer));
}

/** The document of the store as it stands. */
export async function currentDocument(): Promise<OpenApiDocument> {
  return openApiDocument(await currentControllers(), version());
}

/** As the file holds it. */
export function openApiText(document: OpenApiDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(OPENAPI_FILE, openApiText(await currentDocument()));
}
