/** Whether somebody still waits for the answer to a request that takes its time. */
import type { FastifyReply } from 'fastify';

/** Aborted when the client's connection ends before it has the whole answer. */
export function clientGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort();
  });
  if (raw.destroyed) gone.abort();
  return gone.signal;
}
