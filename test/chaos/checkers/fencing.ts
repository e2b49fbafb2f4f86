/**
 * Checker 5: each epoch has one holder and is higher than the one before, and nobody writes under an older one. Both
 * elections have had a leader, or nothing is known of the fences.
 */
import type { EpochChange, Evidence, Transition, Violation } from './evidence.js';
import { groupBy } from './group-by.js';

const ELECTIONS = ['scheduler/shard-0', 'executor/reclaimer'] as const;

export function soundFencing({ epochs, transitions }: Evidence): Violation[] {
  const elections = groupBy(epochs, ({ election }) => election);
  return [
    ...ELECTIONS.flatMap((election) =>
      elections.has(election) ? [] : [{ what: `${election}: no epoch was recorded` }],
    ),
    ...[...elections.values()].flatMap(soundEpochs),
    ...transitions.flatMap(soundWriter),
  ];
}

function soundEpochs(changes: readonly EpochChange[]): Violation[] {
  return changes.flatMap(({ election, epoch, holder, atMs }, index): Violation[] => {
    const before = changes[index - 1];
    if (before === undefined || epoch > before.epoch) return [];
    return [
      { what: `${election}: ${holder} got epoch ${epoch} after ${before.holder} had ${before.epoch}`, atMs },
    ];
  });
}

/** Claims and sweeps are for who leads the schedulers; ends for the executor that ran the job, or for the reclaimer. */
function soundWriter({ from, to, writer, owner, feeder, reclaimer, jobId, atMs }: Transition): Violation[] {
  const violation = (what: string): Violation[] => [{ what: `job ${jobId}: ${what}`, jobId, atMs }];
  const claimed = from === 'scheduled' && to === 'queued';
  const swept = from === 'queued' && to === 'scheduled';
  if ((claimed || swept) && writer !== feeder)
    return violation(`${claimed ? 'claimed' : 'swept'} by ${writer} while ${feeder} held the epoch`);
  if (from === 'running' && writer !== owner && writer !== reclaimer)
    return violation(`taken from ${owner} by ${writer} while ${reclaimer} held the epoch`);
  return [];
}
