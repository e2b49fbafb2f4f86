/**
 * Finds the handlers: every file `*.handler.js` (or `.mjs`) beside this one, and in the folder of the users' own. The start
 * fails when two claim the same type.
 */
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { JobType } from '#common/database/job-type.repository.js';
import type { Handler } from './handler.js';

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
  static async load(...folders: readonly string[]): Promise<HandlerRegistry> {
    const handlers = await Promise.all(folders.map(loadFolder));
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
    return [...this.#handlers.values()].map(({ type, payload }) => ({
      type,
      payloadSchema: z.toJSONSchema(payload, { io: 'input' }) as JobType['payloadSchema'],
    }));
  }
}

async function loadFolder(folder: string): Promise<Handler[]> {
  const files = (await readdir(folder)).filter((file) => HANDLER_FILE.test(file)).sort();
  return Promise.all(
    files.map(async (file) => {
      const module = (await import(pathToFileURL(resolve(folder, file)).href)) as { default?: Handler };
      if (typeof module.default?.type !== 'string' || typeof module.default.run !== 'function')
        throw new Error(`${file} exports no handler by default`);
      return module.default;
    }),
  );
}
