/** Why a job is not done yet, in one sentence for a person. */
import type { JobError } from './job.js';
import { plural } from './plural.js';
import { spokenDuration } from './spoken-duration.js';
import { queueSentence } from './why-queue-sentences.js';
import type { Reason } from './why-reasons.js';
import { FURTHEST_PLACE, type WaitedFor } from './why.js';
import { DEPENDENCY_FAILED } from './workflow.js';

/** Jobs that it depends on, in a sentence; the data has some more. */
const PARENTS_SHOWN = 2;
/** Longer messages are cut: a sentence is to be read. */
const LONGEST_MESSAGE = 200;

type Run = Reason & { readonly kind: 'running' | 'ending' | 'executor-silent' };

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
    case 'no-queue-leader':
      return reason.candidates === 0
        ? `No living executor stands for draining the queue ${reason.queue}, which one elected executor drains alone.`
        : `No executor has been elected at the moment to drain the queue ${reason.queue} alone; ${plural(reason.candidates, 'candidate stands', 'candidates stand')} for election.`;
    case 'no-worker':
      return `Workers outside run the type ${reason.type}, and none has asked lately for jobs of it in the queue ${reason.queue}.`;
    case 'workers-busy':
      return `Workers outside run the type ${reason.type}: they have ${plural(reason.leases, 'job', 'jobs')} of it, and none has asked lately for another one in the queue ${reason.queue}.`;
    case 'expires':
      return `It expires in ${about(reason)}, at ${moment(reason.expiresAt)}, unless it has started by then.`;
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
        ? `It is due, and will be handed to ${reason.to === 'executor' ? 'an executor' : 'a worker'} in a moment.`
        : `It has been handed over, at ${moment(reason.since)}, and starts as soon as an executor takes it.`;
    case 'held':
      // There may be parents that the one who asks must not be told of.
      return reason.parents.length === 0 && reason.error.name !== DEPENDENCY_FAILED
        ? `It is held until a person releases it, as it asked for when its executor is lost: ${briefly(reason.error)}.`
        : `It is held until a person releases it, or what it depends on succeeds after all: ${reason.parents.length === 0 ? briefly(reason.error) : named(reason.parents)}.`;
    case 'blocked':
      return blocking(reason);
    case 'running':
      return `It has been running for ${spokenDuration(reason.forMs)}, ${attempt(reason)}, on ${host(reason)}; its time runs out at ${moment(reason.timesOutAt)}.`;
    case 'ending':
      return `It has been cancelled, and the attempt that runs on ${host(reason)} has been asked to end.`;
    case 'executor-silent':
      return `Its ${reason.worker === null ? 'executor' : 'worker'} (${host(reason)}) cannot be heard any more; ${attempt(reason)} is about to be taken back.`;
    case 'ended':
      return ending(reason);
    default:
      return queueSentence(reason);
  }
}

function blocking({ waitsFor, parents }: Reason & { readonly kind: 'blocked' }): string {
  if (parents.length === 0) return 'It waits for other jobs.';
  const others = waitsFor - parents.length;
  return waitsFor === 1
    ? `It waits for ${named(parents)}, on which it depends.`
    : `It waits for ${plural(waitsFor, 'job', 'jobs')}, on which it depends: ${named(parents.slice(0, PARENTS_SHOWN))}${others > 0 || parents.length > PARENTS_SHOWN ? ` and ${waitsFor - Math.min(parents.length, PARENTS_SHOWN)} more` : ''}.`;
}

/** Such as: extract (0198f2a4-…), which is running. */
function named(jobs: readonly WaitedFor[]): string {
  return jobs
    .map(({ id, name, state }) => `${name === null ? id : `${name} (${id})`}, which is ${state}`)
    .join(', and ');
}

function ending(reason: Reason & { kind: 'ended' }): string {
  const ago = `${spokenDuration(reason.agoMs)} ago`;
  switch (reason.state) {
    case 'succeeded':
      return `It succeeded ${ago}, with ${attempt(reason)}.`;
    case 'dead':
      return `It died ${ago}: ${attempt(reason)} failed with ${briefly(reason.error)}, and there will be no other.`;
    case 'cancelled':
      return reason.error?.name === DEPENDENCY_FAILED
        ? `It was cancelled ${ago}: ${reason.error.message}.`
        : `It was cancelled ${ago}.`;
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

function host({ executor, worker }: Run): string {
  if (worker !== null) return `the worker ${worker}`;
  return executor === null ? 'an executor that has left' : `${executor.instance} (${executor.host})`;
}

/** Name and first line of an error, without the full stop that the sentence has. */
function briefly(error: JobError | null): string {
  if (error === null) return 'an error that is not known';
  const [line = ''] = error.message.split('\n', 1);
  const shown = line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}…` : line;
  return `${error.name}: ${shown}`.replace(/[.\s]+$/, '');
}
