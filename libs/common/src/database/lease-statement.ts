/**
 * T5, heartbeat: renews an executor's lease. In its own file, because the thread that sends it has no Prisma.
 * In: executor, lease in milliseconds. Rows: one, or none when the executor's row is gone and it must register anew.
 */
export const RENEW_LEASE = `UPDATE executors SET lease_until = now() + $2::float8 * interval '1 millisecond'
WHERE id = $1::uuid RETURNING 1`;
