/**
 * Finds the handlers: every file `*.handler.js` (or `.mjs`) beside this one, and in the folder of the users' own. The start
 * fails when two claim the same type, or one is not fit to run.
 */
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jobType } from '#common/config/names.js';
import type { JobType } from '#common/database/job-type.repository.js';
import { compilePayloadSchema } from '#common/payload/payload-schema.js';
import { checkingPayload, payloadSchemaOf, type Handler } from './handler.js';
import type { HandlerSettings } from './handler-settings.js';

/** A handler that needs settings is exported as a function of them; undefined when there is nothing it could run with. */
export type HandlerExport = Handler | ((settings: HandlerSettings) => Handler | undefined);

const HANDLER_FILE = /\.handler\.(js|mjs|ts)$/;

export class HandlerRegistry {
  readonly #handlers = new Map<string, Handler>();

  /** @throws when two handlers have the same type */
  constructor(handlers: readonly Handler[]) {
    for (const handler of handlers) {
      if (this.#handlers.has(handler.type)) throw new Error(`two handlers for the job type ${handler.type}`);
      this.#handlers.set(handler.type, handler);
    }
  }

  /** Loads all handlers of some folders. @throws when a file does not export a handler by default, or cannot be loaded */
  static async load(settings: HandlerSettings, ...folders: readonly string[]): Promise<HandlerRegistry> {
    const handlers = await Promise.all(folders.map((folder) => loadFolder(folder, settings)));
    return new HandlerRegistry(handlers.flat());
  }

  get types(): string[] {
    return [...this.#handlers.keys()].sort();
  }

  get(type: string): Handler | undefined {
    return this.#handlers.get(type);
  }

  /** What the store needs in order to check submissions. */
  announcement(): JobType[] {
    return [...this.#handlers.values()].map((handler) => ({
      type: handler.type,
      payloadSchema: payloadSchemaOf(handler),
    }));
  }
}

async function loadFolder(folder: string, settings: HandlerSettings): Promise<Handler[]> {
  const files = (await readdir(folder)).filter((file) => HANDLER_FILE.test(file)).sort();
  const handlers = await Promise.all(files.map((file) => loadFile(folder, file, settings)));
  return handlers.filter((handler) => handler !== undefined);
}

async function loadFile(
  folder: string,
  file: string,
  settings: HandlerSettings,
): Promise<Handler | undefined> {
  const module = (await import(pathToFileURL(resolve(folder, file)).href)) as { default?: HandlerExport };
  const handler = typeof module.default === 'function' ? module.default(settings) : module.default;
  if (handler === undefined && typeof module.default === 'function') return undefined;
  if (typeof handler?.type !== 'string' || typeof handler.run !== 'function')
    throw new Error(`${file} exports no handler by default`);
  const type = jobType.safeParse(handler.type);
  if (!type.success) throw new Error(`${file}: the type ${type.error.issues[0]?.message}`);
  if (typeof handler.payload !== 'object' || handler.payload === null)
    throw new Error(`${file}: payload must be a zod schema or a JSON Schema; {} accepts everything`);
  try {
    const checking = checkingPayload(handler);
    compilePayloadSchema(payloadSchemaOf(checking));
    return checking;
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause });
  }
}
