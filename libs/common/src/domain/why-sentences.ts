/** Why a job is not done yet, in one sentence for a person. */
import type { JobError } from './job.js';
import { spokenDuration } from './spoken-duration.js';
import { FURTHEST_PLACE, type Reason } from './why.js';

/** Longer messages are cut: a sentence is to be read. */
const LONGEST_MESSAGE = 200;

export function sentenceOf(reason: Reason): string {
  switch (reason.kind) {
    case 'due-later':
      return `It waits for its time: it is due in ${about(reason)}, at ${moment(reason.dueAt)}.`;
    case 'retry-later':
      return `It waits for its next attempt, in ${about(reason)}, at ${moment(reason.dueAt)}: attempt ${reason.attempt} of ${reason.maxAttempts} failed with ${briefly(reason.error)}.`;
    case 'snoozed':
      return `Its handler asked to be called again in ${about(reason)}, at ${moment(reason.dueAt)}.`;
    case 'expiring':
      return `It had not started by ${moment(reason.expiresAt)}, when it expired, and will never start; it is about to be marked as expired.`;
    case 'no-leader':
      return reason.candidates === 0
        ? 'No scheduler is alive, so nothing is handed over.'
        : `No scheduler leads at the moment, so nothing is handed over; ${plural(reason.candidates, 'candidate stands', 'candidates stand')} for election.`;
    case 'no-executor':
      return reason.draining === 0
        ? `No living executor takes jobs of the queue ${reason.queue}.`
        : `No executor takes jobs of the queue ${reason.queue} any more: ${plural(reason.draining, 'that did is', 'that did are')} shutting down.`;
    case 'no-handler':
      return `No executor that takes jobs of the queue ${reason.queue} has a handler for the type ${reason.type}; ${plural(reason.executors, 'executor takes', 'executors take')} them.`;
    case 'slots-busy':
      return `All ${reason.slots} slots of the executors are taken, and its place in the queue ${reason.queue} is ${
        reason.place === FURTHEST_PLACE ? `${FURTHEST_PLACE} or later` : reason.place
      }${reason.aboutMs === null ? '' : `: about ${about(reason)}${reason.place === FURTHEST_PLACE ? ' or more' : ''}`}.`;
    case 'handing-over':
      return reason.since === null
        ? 'It is due, and will be handed to an executor in a moment.'
        : `It has been handed over, at ${moment(reason.since)}, and starts as soon as an executor takes it.`;
    case 'held':
      return `It is held until a person releases it, as it asked for when its executor is lost: ${briefly(reason.error)}.`;
    case 'blocked':
      return 'It waits for other jobs.';
    case 'running':
      return `It has been running for ${spokenDuration(reason.forMs)}, ${attempt(reason)}, on ${host(reason.executor)}; its time runs out at ${moment(reason.timesOutAt)}.`;
    case 'ending':
      return `It has been cancelled, and the attempt that runs on ${host(reason.executor)} has been asked to end.`;
    case 'executor-silent':
      return `Its executor (${host(reason.executor)}) cannot be heard any more; ${attempt(reason)} is about to be taken back.`;
    case 'ended':
      return ending(reason);
    default:
      throw new Error(`unknown reason ${String(reason satisfies never)}`);
  }
}

function ending(reason: Reason & { kind: 'ended' }): string {
  const ago = `${spokenDuration(reason.agoMs)} ago`;
  switch (reason.state) {
    case 'succeeded':
      return `It succeeded ${ago}, with ${attempt(reason)}.`;
    case 'dead':
      return `It died ${ago}: ${attempt(reason)} failed with ${briefly(reason.error)}, and there will be no other.`;
    case 'cancelled':
      return `It was cancelled ${ago}.`;
    case 'expired':
      return `It expired ${ago}: it had not started by ${reason.expiresAt === null ? 'then' : moment(reason.expiresAt)}.`;
    default:
      throw new Error(`unknown end ${String(reason.state satisfies never)}`);
  }
}

function about({ aboutMs }: { readonly aboutMs: number | null }): string {
  return spokenDuration(aboutMs ?? 0);
}

function moment(at: Date): string {
  return at.toISOString();
}

function attempt({
  attempt,
  maxAttempts,
}: {
  readonly attempt: number;
  readonly maxAttempts: number;
}): string {
  return `attempt ${attempt} of ${maxAttempts}`;
}

function host(executor: { readonly instance: string; readonly host: string } | null): string {
  return executor === null ? 'an executor that has left' : `${executor.instance} (${executor.host})`;
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Name and first line of an error, without the full stop that the sentence has. */
function briefly(error: JobError | null): string {
  if (error === null) return 'an error that is not known';
  const [line = ''] = error.message.split('\n', 1);
  const shown = line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}…` : line;
  return `${error.name}: ${shown}`.replace(/[.\s]+$/, '');
}
