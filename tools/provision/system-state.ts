/** What a profile remembers between make targets, besides its processes: where its servers are and what was done already. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const stateSchema = z.object({
  servers: z
    .partialRecord(
      z.enum(['postgres', 'redis', 'zookeeper']),
      z.object({
        source: z.enum(['given', 'local', 'docker']),
        port: z.number().optional(),
        env: z.record(z.string(), z.string()),
      }),
    )
    .default({}),
  /** The example jobs were submitted since the system was last stopped. */
  examplesSubmitted: z.boolean().default(false),
});

export type SystemState = z.infer<typeof stateSchema>;

/** An unreadable file counts as none: what runs is found in the process registry all the same. */
export function readState(file: string): SystemState {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return stateSchema.parse({});
  }
}

/** Readable by its owner only: connection settings hold passwords. */
export function writeState(file: string, state: SystemState): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
