/** One command on its way: handed to a server, then asked about until it has ended, whichever servers come and go. */
import { randomUUID } from 'node:crypto';
import { status, type ServiceError } from '@grpc/grpc-js';
import { pause } from '#client/deadline.js';
import type { JobService, JobStatus } from './job-service.js';
import type { ServerChoice } from './server-choice.js';

const ASK_EVERY_MS = 300;
/** So long no server at all may answer, in milliseconds. */
const PATIENCE_MS = 30_000;

/** No server answered for so long that there is no point in going on. */
export class NoServerError extends Error {
  override readonly name = 'NoServerError';
}

export interface Following {
  readonly choice: ServerChoice;
  readonly serverAt: (address: string) => JobService;
  readonly signal: AbortSignal;
  readonly onSubmitted: (id: string, server: string) => void;
  /** Called with each status word that differs from the one before. */
  readonly onStatus: (word: string, server: string) => void;
}

/**
 * @param turn whose turn it is among the servers
 * @throws NoServerError; ServiceError when a server refuses
 */
export async function followCommand(command: string, turn: number, following: Following): Promise<JobStatus> {
  const { choice, serverAt, signal, onSubmitted, onStatus } = following;
  // A submission that is repeated because its answer was lost makes no second job.
  const key = randomUUID();
  const submitted = await untilAnswered({ servers: choice.submitTo, turn, signal }, async (address) => ({
    id: await serverAt(address).submit(command, key),
    address,
  }));
  onSubmitted(submitted.id, submitted.address);

  const servers = choice.statusOf(submitted.address);
  let last: string | undefined;
  for (let look = turn; ; look += 1) {
    const asked = { servers, lastResort: submitted.address, turn: look, signal };
    const answer = await untilAnswered(asked, async (address) => ({
      ...(await serverAt(address).status(submitted.id)),
      address,
    }));
    const { status: word = 'PENDING', address } = answer;
    if (word !== last) onStatus(word, address);
    last = word;
    if (word === 'SUCCEEDED' || word === 'FAILED') return answer;
    await pause(ASK_EVERY_MS, signal);
  }
}

interface Asked {
  readonly servers: readonly string[];
  /** Asked too when the server whose turn it is does not answer. */
  readonly lastResort?: string;
  readonly turn: number;
  readonly signal: AbortSignal;
}

/** Asks one server after the other, beginning with the one whose turn it is, until one answers. */
async function untilAnswered<Answer>(
  { servers, lastResort, turn, signal }: Asked,
  ask: (address: string) => Promise<Answer>,
): Promise<Answer> {
  const deadline = Date.now() + PATIENCE_MS;
  let askable = servers;
  for (let attempt = turn; ; attempt += 1) {
    try {
      return await ask(askable[attempt % askable.length] ?? '');
    } catch (error) {
      if (!isOutage(error)) throw error;
      if (Date.now() > deadline)
        throw new NoServerError(`no answer from ${askable.join(', ')} for ${PATIENCE_MS / 1000} s`, {
          cause: error,
        });
      askable = lastResort === undefined ? servers : [...new Set([...servers, lastResort])];
      await pause(ASK_EVERY_MS, signal);
    }
  }
}

function isOutage(error: unknown): boolean {
  const code = (error as Partial<ServiceError>).code;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
}
