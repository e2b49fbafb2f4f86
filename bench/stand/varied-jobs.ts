/** A million jobs of all kinds, for searches: mostly history, some that wait, a few of each rare state. */
import { randomUUID } from 'node:crypto';
import type { Session } from './session.js';

/** Rows of one INSERT: long enough to be fast, short enough to stop. */
const CHUNK = 100_000;

/**
 * Stores `count` jobs, one in each millisecond until now. Of a thousand, 985 succeeded and 10 wait for a time in a year; of a
 * million, 1,000 are dead, 500 cancelled, 50 blocked, 20 expired and 10 run. There are 20 types of falling frequency and
 * one, `type-rare`, that three jobs have; 12 queues, and tags on one job of twenty.
 */
export async function storeVariedJobs(db: Session, count: number): Promise<void> {
  const beganMs = Date.now() - count;
  // It holds the jobs that run: those of an executor that nobody knows would be taken back.
  const executor = randomUUID();
  await db.query(
    `INSERT INTO executors (id, instance, host, pid, slots, queues, types, lease_until)
     VALUES ($1, 'nobody', 'nowhere', 1, 10, '{}', '{}', now() + interval '1 year')`,
    [executor],
  );
  for (let from = 0; from < count; from += CHUNK) {
    await db.query(
      `INSERT INTO jobs (id, name, type, queue, state, priority, run_at, delivery, attempt, max_attempts, timeout_ms, payload, tags,
                         unique_key, created_at, queued_at, started_at, finished_at, executor_id, deadline, error)
       SELECT (lpad(to_hex(at_ms::bigint), 12, '0') || '7' || lpad(to_hex(i % 4096), 3, '0') || '8' || substr(md5(i::text), 1, 15))::uuid,
              CASE WHEN i % 3 = 0 THEN 'report of customer ' || i % 9973 END,
              CASE WHEN i % 400000 = 7 THEN 'type-rare' ELSE 'type-' || floor(20 * power(random(), 2)) END,
              'queue-' || floor(12 * power(random(), 2)), s.state, floor(10 * random())::int,
              CASE WHEN s.state = 'scheduled' THEN at + interval '1 year' ELSE at END, 1, 1, 4, 60000,
              jsonb_build_object('customer', jsonb_build_object('id', i % 9973, 'region', substr(md5((i % 50)::text), 1, 6)),
                                 'message', md5(i::text) || ' ' || md5((i + 1)::text), 'attachments', i % 7),
              CASE WHEN i % 20 = 0 THEN ARRAY['tag-' || i % 100, CASE WHEN i % 100000 = 0 THEN 'tag-rare' ELSE 'billing' END] END,
              CASE WHEN i % 10 = 0 THEN 'key-' || i END,
              at, CASE WHEN s.state = 'running' THEN at END, at,
              CASE WHEN s.state IN ('succeeded', 'dead', 'cancelled', 'expired') THEN at END,
              CASE WHEN s.state = 'running' THEN $4::uuid END,
              CASE WHEN s.state = 'running' THEN now() + interval '1 year' END,
              CASE WHEN s.state = 'dead' THEN '{"name": "CommandFailed", "message": "exit code 7"}'::jsonb END
       FROM generate_series($1::int, $2::int - 1) AS i,
            LATERAL (SELECT $3::float8 + i AS at_ms) AS moment, LATERAL (SELECT to_timestamp(at_ms / 1000) AS at) AS stamp,
            LATERAL (SELECT CASE WHEN i % 100000 = 1 THEN 'running' WHEN i % 50000 = 2 THEN 'expired' WHEN i % 20000 = 3 THEN 'blocked'
                WHEN i % 2000 = 4 THEN 'cancelled' WHEN i % 1000 = 5 THEN 'dead' WHEN i % 100 = 6 THEN 'scheduled' ELSE 'succeeded' END AS state) AS s`,
      [from, Math.min(from + CHUNK, count), beganMs, executor],
    );
  }
}
