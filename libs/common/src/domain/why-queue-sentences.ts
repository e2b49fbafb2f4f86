/** What the settings of a queue put in a job's way, in one sentence for a person. Part of why-sentences.ts. */
import { spokenDuration } from './spoken-duration.js';
import { plural } from './plural.js';
import { FURTHEST_PLACE } from './why.js';
import type { QueueReason } from './why-queue.js';

/** So many ids are told in a sentence; the data has some more. */
const IDS_SHOWN = 2;

export function queueSentence(reason: QueueReason): string {
  const { queue } = reason;
  switch (reason.kind) {
    case 'queue-paused':
      return `The queue ${queue} is paused: nothing of it starts until somebody resumes it.`;
    case 'queue-changing':
      return `The settings of the queue ${queue} have just been changed; nothing of it starts until they are in force.`;
    case 'leader-drained':
      return `Workers outside run its type, and get nothing from the queue ${queue}, which one elected executor drains alone.`;
    case 'concurrency-limit':
      return `The queue ${queue} may have ${plural(reason.limit, 'job', 'jobs')} in flight, and ${held(reason)}.`;
    case 'concurrency-key-limit':
      return `The queue ${queue} may have ${plural(reason.limit, 'job', 'jobs')} with the concurrency key ${reason.concurrencyKey} in flight, and ${held(reason)}.`;
    case 'rate-limit':
      return `The queue ${queue} starts ${reason.limit} in ${spokenDuration(reason.intervalMs)} at most: the next one at ${reason.nextAt.toISOString()}, and ${ahead(reason.ahead)}; ${about(reason.aboutMs ?? 0)}${reason.ahead >= FURTHEST_PLACE ? ' or more' : ''}.`;
    case 'turn':
      return reason.fairnessKey === null
        ? `It waits for its turn in the queue ${queue}: ${ahead(reason.ahead)}, more urgent or due earlier.`
        : `It waits for its turn in the queue ${queue}: ${ahead(reason.ahead)} among those of its fairness key ${reason.fairnessKey}, which takes turns with ${plural(reason.otherKeys, 'other', 'others')}.`;
    case 'strict-order':
      return reason.turnOf === null
        ? `The queue ${queue} goes one by one in strict order: ${ahead(reason.ahead)}.`
        : `The queue ${queue} goes one by one in strict order, and it is the turn of ${reason.turnOf.id}, which is ${reason.turnOf.state}.`;
    default:
      throw new Error(`unknown reason ${String(reason satisfies never)}`);
  }
}

function about(ms: number): string {
  return `${ms < 1000 ? '' : 'about '}${spokenDuration(ms)}`;
}

function held({ inFlight, holders }: { readonly inFlight: number; readonly holders: readonly string[] }) {
  const shown = holders.slice(0, IDS_SHOWN);
  const others = inFlight - shown.length;
  const names = [...shown, ...(others > 0 ? [plural(others, 'other', 'others')] : [])];
  return `${[names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ')} ${inFlight === 1 ? 'has that place' : 'have these places'}`;
}

function ahead(jobs: number): string {
  if (jobs === 0) return 'no job goes before it';
  const count =
    jobs >= FURTHEST_PLACE ? `${FURTHEST_PLACE} jobs or more go` : plural(jobs, 'job goes', 'jobs go');
  return `${count} before it`;
}
