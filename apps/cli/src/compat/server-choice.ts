/** Which of several servers takes a job, and which are asked what became of it. */
import { z } from 'zod';
import { UsageError } from '../exit-codes.js';

const DEFAULT_SERVER = 'localhost:50051';

const address = z.string().regex(/^(\[[\da-fA-F:]+\]|[^\s:,/]+):\d{1,5}$/, 'must be host:port');

export interface ServerSettings {
  readonly servers?: string | undefined;
  readonly submitServer?: string | undefined;
  readonly statusServers?: string | undefined;
}

export interface ServerChoice {
  /** Take jobs in turn. */
  readonly submitTo: readonly string[];
  /** Asked in turn about a job that `submittedTo` has taken. */
  statusOf(submittedTo: string): readonly string[];
}

/**
 * Jobs go to the submit server, or to all servers in turn. What became of them the status servers tell, or all servers
 * but the one that took the job, as long as one of them answers.
 * @throws UsageError when an address is none
 */
export function chooseServers({ servers, submitServer, statusServers }: ServerSettings): ServerChoice {
  const submit = addresses('submit-server', submitServer);
  const status = addresses('status-servers', statusServers);
  const all = addresses('servers', servers);
  const submitTo = firstFilled(submit, all, status, [DEFAULT_SERVER]);
  return {
    submitTo,
    statusOf: (submittedTo) => {
      const others = all.filter((server) => server !== submittedTo);
      return firstFilled(status, others, [submittedTo]);
    },
  };
}

/** @throws UsageError when one of them is no address */
export function addresses(name: string, list = ''): string[] {
  const given = list
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  for (const text of given) {
    const parsed = address.safeParse(text);
    if (!parsed.success)
      throw new UsageError(`-${name}: ${text} ${parsed.error.issues[0]?.message ?? 'is wrong'}`);
  }
  return given;
}

function firstFilled(...lists: readonly (readonly string[])[]): readonly string[] {
  return lists.find((list) => list.length > 0) ?? [];
}
