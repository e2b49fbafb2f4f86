/** The steps of random sequences. Each does the same to the model and to Postgres, and holds the answers together. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { decide, type Outcome } from '#common/domain/outcome.js';
import { GRACE_MS } from './database.js';
import {
  OUTCOMES,
  type Issued,
  type Leader,
  type Model,
  type ModelOutcome,
  type Run,
} from './protocol-model.js';
import type { System } from './protocol-system.js';

export type Step = fc.AsyncCommand<Model, System>;

const error = { name: 'Test', message: 'as the sequence wanted it' };

/** @param possible whether the step makes sense now; it is left out otherwise */
function step(
  name: string,
  run: (model: Model, system: System) => Promise<void>,
  possible: (model: Model) => boolean = () => true,
): Step {
  return {
    check: possible,
    run: async (model, system) => {
      await run(model, system);
      await system.compare(model);
    },
    toString: () => name,
  };
}

/** The last is 0, the one before it 1 and so on, round and round. */
function fromLast<Item>(items: readonly Item[], back: number): Item[] {
  const item = items.at(-1 - (back % Math.max(items.length, 1)));
  return item === undefined ? [] : [item];
}

export function elect(): Step {
  return step('elect', async (model, { store, election }) => {
    model.elect();
    const granted = await store.epochs.advance(election, BigInt(model.epoch), 'the next leader');
    expect(granted).toBe(BigInt(model.epoch));
  });
}

export function claim(leader: Leader, room: number): Step {
  return step(
    `claim(${leader}, ${room})`,
    async (model, system) => {
      const expected = model.claim(leader, room);
      const fence = system.fence(model.epochOf(leader));
      const claimed = await system.store.claim(fence, { [system.queue]: room });
      expect(
        claimed === 'fenced' ? claimed : claimed.map(({ id, delivery }) => ({ jobId: id, delivery })),
      ).toEqual(expected === 'fenced' ? expected : system.deliveries(expected));
    },
    ({ jobs }) => jobs.some(({ state, dueAt }) => state === 'scheduled' && dueAt !== undefined),
  );
}

/** The sweep of deliveries that are believed lost, rightly or not. */
export function sweep(leader: Leader, backs: readonly number[]): Step {
  return step(
    `sweep(${leader}, ${backs.join('+')})`,
    async (model, system) => {
      const lost = distinct(backs.flatMap((back) => fromLast(model.deliveries, back)));
      const expected = model.takeBack(leader, lost);
      const fence = system.fence(model.epochOf(leader));
      expect(await system.store.feed.takeBack(fence, system.deliveries(lost))).toBe(expected);
    },
    hasIssued,
  );
}

/** Deliveries arrive: new or old, once or several times, together. */
export function start(executor: number, backs: readonly number[]): Step {
  return step(
    `start(${executor}, ${backs.join('+')})`,
    async (model, system) => {
      const deliveries = backs.flatMap((back) => fromLast(model.deliveries, back));
      const expected = model.start(executor, deliveries);
      const started = await system.store.runs.start(
        system.executor(executor),
        system.deliveries(deliveries),
        GRACE_MS,
      );
      // Of two deliveries of one job in one batch, which of them is said to have started it does not matter.
      const begun = started.filter((job) => job !== 'stale');
      const runs = expected.filter((run) => run !== 'stale');
      expect(new Map(begun.map(({ id, attempt }) => [id, attempt]))).toEqual(
        new Map(runs.map(({ job, attempt }) => [system.id(job), attempt])),
      );
      expect(begun).toHaveLength(runs.length);
      for (const run of runs) {
        const job = begun.find(({ id }) => id === system.id(run.job));
        if (job !== undefined) system.started.set(run, job);
      }
    },
    hasIssued,
  );
}

/** Executors report the ends of runs, current and long taken back; `twice` says it again, as after a lost answer. */
export function finish(back: number, outcome: ModelOutcome, twice: boolean): Step {
  return step(
    `finish(${back}, ${outcome}${twice ? ', twice' : ''})`,
    async (model, system) => {
      const [run] = fromLast(model.reports, back);
      if (run === undefined) return;
      for (let time = 0; time < (twice ? 2 : 1); time += 1) {
        const expected = model.finish(run, outcome);
        expect(await system.store.runs.finish([ended(system, run, outcomeOf(outcome))])).toEqual([expected]);
        if (expected === 'scheduled') await turnClock(model, system, run.job, outcome);
      }
    },
    ({ runs }) => runs.length > 0,
  );
}

/**
 * What an executor does whose end is stale: it records its start anew, which its delivery still entitles to when a crash
 * of Postgres forgot it, and then the end.
 */
export function finishForgotten(back: number, outcome: ModelOutcome): Step {
  return step(
    `finishForgotten(${back}, ${outcome})`,
    async (model, system) => {
      const [run] = fromLast(model.reports, back);
      if (run === undefined) return;
      const end = ended(system, run, outcomeOf(outcome));
      const [again] = model.start(run.executor, [run]);
      const [started] = await system.store.runs.start(end.executorId, [end], GRACE_MS);
      expect(started === 'stale').toBe(again === 'stale');
      await system.compare(model);
      const expected = model.finish(run, outcome);
      expect(await system.store.runs.finish([end])).toEqual([expected]);
      if (expected === 'scheduled') await turnClock(model, system, run.job, outcome);
    },
    ({ runs }) => runs.length > 0,
  );
}

export function crash(forgets: number): Step {
  return step(
    `crash(${forgets})`,
    async (model, system) => {
      await system.forget(model, model.crash(forgets));
    },
    ({ unflushed }) => unflushed.length > 0,
  );
}

export function look(): Step {
  return step(
    'look',
    async (model, system) => {
      model.look();
      const lost = await system.store.runs.findLost(1_000_000);
      system.seen = lost.filter(({ executorId }) => system.executors.includes(executorId));
      const facts = system.seen.map(({ id, attempt, executorAlive }) => ({ id, attempt, executorAlive }));
      expect(new Set(facts)).toEqual(
        new Set(
          model.seen.map(({ run, executorAlive }) => ({
            id: system.id(run.job),
            attempt: run.attempt,
            executorAlive,
          })),
        ),
      );
    },
    ({ held }) => held.length > 0,
  );
}

/** Takes back what the last look found, although things may have changed since. */
export function reclaim(leader: Leader): Step {
  return step(
    `reclaim(${leader})`,
    async (model, system) => {
      const expected = model.reclaim(leader);
      const reclaimed = await system.store.runs.reclaim(
        system.fence(model.epochOf(leader)),
        system.seen.map((lost) => ({
          jobId: lost.id,
          delivery: lost.delivery,
          attempt: lost.attempt,
          executorId: lost.executorId,
          decision: decide(lost, { kind: lost.executorAlive ? 'timed_out' : 'lost', error }, 0),
          output: [],
        })),
      );
      expect(reclaimed).toBe(expected);
      for (const { run } of model.seen)
        if (model.job(run.job).state === 'scheduled' && model.job(run.job).dueAt === undefined)
          await system.setDue(run.job, undefined);
    },
    ({ seen }) => seen.length > 0,
  );
}

export function cancel(job: number): Step {
  return step(`cancel(${job})`, async (model, system) => {
    const index = job % model.jobs.length;
    const expected = model.cancel(index);
    const cancelled = await system.store.jobs.cancel(system.id(index));
    expect({ state: cancelled?.job.state, accepted: cancelled?.accepted }).toEqual(expected);
  });
}

export function expireLease(executor: number): Step {
  return step(`expireLease(${executor})`, async (model, system) => {
    if (model.leases[executor] !== 'gone') model.leases[executor] = 'expired';
    await system.expireLease(executor);
  });
}

export function renewLease(executor: number): Step {
  return step(
    `renewLease(${executor})`,
    async (model, system) => {
      model.leases[executor] = 'standing';
      await system.renewLease(executor);
    },
    ({ leases }) => leases[executor] !== 'standing',
  );
}

export function leave(executor: number): Step {
  return step(`leave(${executor})`, async (model, system) => {
    model.leases[executor] = 'gone';
    await system.store.executors.leave(system.executor(executor));
  });
}

export function passDeadline(pick: number): Step {
  return step(
    `passDeadline(${pick})`,
    async (model, system) => {
      for (const index of fromLast(model.held, pick)) {
        model.job(index).deadlinePassed = true;
        await system.passDeadline(index);
      }
    },
    ({ held }) => held.length > 0,
  );
}

export function passExpiry(job: number): Step {
  return step(`passExpiry(${job})`, async (model, system) => {
    const index = job % model.jobs.length;
    model.job(index).expiryPassed = true;
    await system.passExpiry(index);
  });
}

export function makeDue(pick: number): Step {
  return step(
    `makeDue(${pick})`,
    async (model, system) => {
      for (const index of fromLast(model.notDue, pick)) await system.setDue(index, model.makeDue(index));
    },
    ({ notDue }) => notDue.length > 0,
  );
}

/** Whatever has happened, every job can still come to an end; this brings it there by the protocol's own steps. */
export async function driveToTheEnd(model: Model, system: System): Promise<void> {
  const take = async (next: Step) => {
    if (next.check(model)) await next.run(model, system);
  };
  // A job that is held waits for a person, and only a person can end it.
  const cancelBlocked = async () => {
    for (const [index, { state }] of model.jobs.entries()) if (state === 'blocked') await take(cancel(index));
  };
  await take(elect());
  await take(renewLease(0));
  for (const [place, job] of model.held.entries()) {
    // Rare in the sequences themselves: a cancel that nobody confirms any more.
    if (job === 0) await take(cancel(job));
    await take(passDeadline(place));
  }
  await take(look());
  await take(reclaim('leading'));
  await cancelBlocked();
  // What waits in the queue may have been lost there.
  await take(sweep('leading', [...model.issued.keys()]));
  while (model.notDue.length > 0) await take(makeDue(0));
  // The leader's statement ends them in all sequences of this database at once, so here a person does.
  for (const index of model.expired) await take(cancel(index));
  await take(claim('leading', model.jobs.length));
  await take(start(0, [...model.issued.keys()]));
  while (model.held.length > 0) await take(finish(0, 'succeeded', false));
  expect(model.hasEnded).toBe(true);
  expect(await system.history()).toEqual(model.jobs.map(({ history }) => history));
}

const leader = fc.constantFrom<Leader>('leading', 'leading', 'leading', 'deposed');
/** Mostly one, since it takes two runs on the same executor to confuse them. */
const executor = fc.constantFrom(0, 0, 0, 1, 2);
const pick = fc.nat(1);
/** Mostly what is valid, sometimes what is long past. */
const back = fc.oneof({ weight: 3, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(20) });
const backs = fc.array(back, { minLength: 1, maxLength: 4 });
/** Mostly what keeps the job going. */
const outcome = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<ModelOutcome>('failed', 'timed_out', 'snoozed', 'interrupted') },
  { weight: 1, arbitrary: fc.constantFrom<ModelOutcome>(...OUTCOMES) },
);

/** The weights make most sequences long: leases are renewed more often than they run out, and few jobs are cancelled. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.tuple(leader, fc.integer({ min: 1, max: 3 })).map((args) => claim(...args)) },
  { weight: 40, arbitrary: fc.tuple(executor, backs).map((args) => start(...args)) },
  { weight: 35, arbitrary: fc.tuple(back, outcome, fc.boolean()).map((args) => finish(...args)) },
  { weight: 10, arbitrary: fc.tuple(back, outcome).map((args) => finishForgotten(...args)) },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 3 }).map(crash) },
  { weight: 30, arbitrary: pick.map(makeDue) },
  { weight: 12, arbitrary: fc.constant(look()) },
  { weight: 14, arbitrary: leader.map(reclaim) },
  { weight: 30, arbitrary: executor.map(renewLease) },
  { weight: 6, arbitrary: fc.tuple(leader, backs).map((args) => sweep(...args)) },
  { weight: 6, arbitrary: fc.constant(elect()) },
  { weight: 5, arbitrary: executor.map(expireLease) },
  { weight: 2, arbitrary: executor.map(leave) },
  { weight: 5, arbitrary: pick.map(passDeadline) },
  { weight: 1, arbitrary: pick.map(cancel) },
  { weight: 1, arbitrary: pick.map(passExpiry) },
);

function hasIssued({ issued }: Model): boolean {
  return issued.length > 0;
}

function distinct(issued: readonly Issued[]): Issued[] {
  return [...new Set(issued)];
}

function outcomeOf(outcome: ModelOutcome): Outcome {
  switch (outcome) {
    case 'succeeded':
      return { kind: 'succeeded', result: 'done' };
    case 'final':
      return { kind: 'failed', error, final: true };
    case 'failed':
    case 'timed_out':
    case 'lost':
      return { kind: outcome, error };
    case 'snoozed':
      return { kind: 'snoozed', delayMs: 0 };
    case 'interrupted':
    case 'cancelled':
      return { kind: outcome };
    default:
      throw new Error(`unknown outcome ${String(outcome satisfies never)}`);
  }
}

function ended(system: System, run: Run, outcome: Outcome) {
  const started = system.started.get(run);
  if (started === undefined) throw new Error('only what was started can end');
  return {
    jobId: started.id,
    delivery: started.delivery,
    attempt: started.attempt,
    executorId: system.executor(run.executor),
    decision: decide(started, outcome, 0),
    output: [],
  };
}

/** A job that was handed back is due at once; one that failed waits until the sequence says that its time has come. */
async function turnClock(model: Model, system: System, job: number, outcome: ModelOutcome): Promise<void> {
  const isHandBack = outcome === 'snoozed' || outcome === 'interrupted';
  await system.setDue(job, isHandBack ? model.makeDue(job) : undefined);
}
