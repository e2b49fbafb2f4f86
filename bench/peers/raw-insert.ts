/**
 * The floor of submitting in batches: the same rows into the same table by one INSERT … unnest each, through `pg` alone,
 * without a service, a check of what is inserted, or an answer that tells of each row.
 */
import pg from 'pg';
import { newId } from '#common/runtime/new-id.js';
import { answerCommands } from '../stand/contestant.js';

const INSERT = {
  name: 'insert',
  text: `INSERT INTO jobs (id, type, queue, state, priority, run_at, max_attempts, timeout_ms, payload)
         SELECT id, type, queue, 'scheduled', priority, run_at, max_attempts, timeout_ms, payload
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::int[], $7::bigint[], $8::jsonb[])
           AS n(id, type, queue, priority, run_at, max_attempts, timeout_ms, payload)`,
};

export interface Inserting {
  readonly seconds: number;
  readonly connections: number;
  readonly batch: number;
  readonly payload: object;
}

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 64 });

const commands = {
  async insert({ seconds, connections, batch, payload }: Inserting) {
    const text = JSON.stringify(payload);
    const startedMs = performance.now();
    let rows = 0;
    const insertAll = async () => {
      while (performance.now() - startedMs < seconds * 1000) {
        const runAt = new Date(Date.now() + 3_600_000).toISOString();
        const column = <Value>(of: () => Value) => Array.from({ length: batch }, of);
        const values = [
          column(() => newId()),
          column(() => 'noop'),
          column(() => 'default'),
          column(() => 5),
          column(() => runAt),
          column(() => 4),
          column(() => 3_600_000),
          column(() => text),
        ];
        await pool.query({ ...INSERT, values });
        rows += batch;
      }
    };
    await Promise.all(Array.from({ length: connections }, insertAll));
    return { rows, seconds: (performance.now() - startedMs) / 1000 };
  },
};

export type RawInsert = typeof commands;
answerCommands(commands);
