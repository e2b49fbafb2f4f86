/** Finds the handlers: every file `*.handler.js` beside this one. The start fails when two claim the same type. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { JobType } from '#common/database/job-type.repository.js';
import type { Handler } from './handler.js';

const HANDLER_FILE = /\.handler\.(js|ts)$/;

export class HandlerRegistry {
  readonly #handlers = new Map<string, Handler>();

  /** @throws when two handlers have the same type */
  constructor(handlers: readonly Handler[]) {
    for (const handler of handlers) {
      if (this.#handlers.has(handler.type)) throw new Error(`two handlers for the job type ${handler.type}`);
      this.#handlers.set(handler.type, handler);
    }
  }

  /** Loads all handlers of a folder. @throws when a file does not export a handler by default */
  static async load(folder: string): Promise<HandlerRegistry> {
    const files = (await readdir(folder)).filter((file) => HANDLER_FILE.test(file)).sort();
    const handlers = await Promise.all(
      files.map(async (file) => {
        const module = (await import(pathToFileURL(join(folder, file)).href)) as { default?: Handler };
        if (typeof module.default?.run !== 'function')
          throw new Error(`${file} exports no handler by default`);
        return module.default;
      }),
    );
    return new HandlerRegistry(handlers);
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
