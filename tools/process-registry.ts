/**
 * What a make target has started: one small file per process, written as soon as the process exists, so that `make
 * stop` finds it even when the starter was interrupted. Each process has its own file, so nobody has to wait for
 * anybody to write one.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive } from './process-identity.js';

/** In the order in which they are started, and shown. */
const KINDS = ['server', 'store', 'scheduler', 'executor', 'webui'] as const;

const recordSchema = z.object({
  name: z.string(),
  kind: z.enum(KINDS),
  pid: z.number(),
  startedAt: z.string(),
  port: z.number(),
  /** Where a store serves gRPC. */
  grpcPort: z.number().optional(),
  logFile: z.string(),
  /** Which build of the code it runs; servers have none. */
  build: z.string().optional(),
});

export type ProcessRecord = Readonly<z.infer<typeof recordSchema>>;

export class ProcessRegistry {
  constructor(private readonly folder: string) {}

  add(record: ProcessRecord): void {
    mkdirSync(this.folder, { recursive: true });
    const file = this.file(record.name);
    writeFileSync(`${file}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
    renameSync(`${file}.new`, file);
  }

  remove(name: string): void {
    rmSync(this.file(name), { force: true });
  }

  /** Everything that was started and not yet stopped, whether or not it still runs. */
  all(): ProcessRecord[] {
    return fileNames(this.folder)
      .flatMap((name) => {
        const record = recordSchema.safeParse(JSON.parse(readFileSync(join(this.folder, name), 'utf8')));
        return record.success ? [record.data] : [];
      })
      .sort(
        (a, b) =>
          KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
          a.name.localeCompare(b.name, 'en', { numeric: true }),
      );
  }

  running(): ProcessRecord[] {
    return this.all().filter(isAlive);
  }

  private file(name: string): string {
    return join(this.folder, `${name}.json`);
  }
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    return []; // Nothing was started yet.
  }
}
