/** Services that die, freeze, are told to go, hang in their event loop, or have a wrong clock. */
import type { ServiceKind } from '#tools/services.js';
import { eventually } from '../../support/eventually.js';
import { LEASE_MS, SESSION_TIMEOUT_MS, type System } from '../system/system.js';
import type { ServiceProcess } from '../system/service-process.js';
import type { Fault, FaultContext } from './fault.js';

/** How soon a restart policy starts again what was killed, in milliseconds. */
const RESTART_MS = 3000;
/** No other service has to notice anything: the next one that is asked answers. */
const NO_PAUSE_MS = 500;
const TAKEOVER_MS = SESSION_TIMEOUT_MS + 500;
const RECLAIMED_MS = LEASE_MS + 1000;
const BLOCKED_MS = 10_000;
const HOUR_MS = 3_600_000;
const GRACE_MS = 30_000;

type Role = 'leader' | 'executor' | 'store';

/** The leading scheduler, any of the stores, or the executor that has most to do. */
async function choose(role: Role, { system, random }: FaultContext): Promise<ServiceProcess> {
  switch (role) {
    case 'leader':
      return system.leader('scheduler/shard-0');
    case 'store':
      return random.pick(system.of('store'));
    case 'executor':
      return busiestExecutor(system);
    default:
      throw new Error(role satisfies never);
  }
}

/** One that runs nothing would hardly be missed. */
async function busiestExecutor(system: System): Promise<ServiceProcess> {
  return eventually(
    async () => {
      const [busiest] = await system.query<{ instance: string }>(
        `SELECT instance FROM jobs JOIN executors ON executors.id = executor_id WHERE state = 'running'
         GROUP BY instance ORDER BY count(*) DESC LIMIT 1`,
      );
      if (busiest === undefined) throw new Error('no executor runs anything');
      return system.byId(busiest.instance);
    },
    { within: 30_000 },
  );
}

const KIND: Readonly<Record<Role, ServiceKind>> = {
  leader: 'scheduler',
  executor: 'executor',
  store: 'store',
};

/** From the moment when a service fails until others have taken over from it. */
const TAKEN_OVER_MS: Readonly<Record<Role, number>> = {
  leader: TAKEOVER_MS,
  executor: RECLAIMED_MS,
  store: NO_PAUSE_MS,
};

/**
 * Of a service that is killed, or paused for longer than a lease: only executors have one. It runs out neither when an
 * executor is blocked, since a thread of its own renews it, nor when it is told to go, since what it runs ends within the
 * grace.
 */
const LEASE_LOST: Readonly<Record<Role, Pick<Fault, 'mayRepeat'>>> = {
  leader: {},
  executor: { mayRepeat: true },
  store: {},
};

function killed(role: Role): Fault {
  return {
    name: `${role}-killed`,
    harms: KIND[role],
    ...LEASE_LOST[role],
    holdMs: RESTART_MS,
    measuredFrom: 'start',
    boundMs: TAKEN_OVER_MS[role],
    inject: async (context) => {
      const victim = await choose(role, context);
      if (role === 'store') await context.submissionUnderWay(victim.url);
      await victim.kill();
      return () => victim.start();
    },
  };
}

function paused(role: Role): Fault {
  return {
    name: `${role}-paused`,
    harms: KIND[role],
    ...LEASE_LOST[role],
    holdMs: TAKEN_OVER_MS[role] + 4000,
    measuredFrom: 'start',
    boundMs: TAKEN_OVER_MS[role],
    inject: async (context) => {
      const victim = await choose(role, context);
      if (role === 'store') await context.submissionUnderWay(victim.url);
      victim.pause();
      return () => victim.resume();
    },
  };
}

function terminated(role: 'leader' | 'executor', boundMs: number): Fault {
  return {
    name: `${role}-terminated`,
    harms: KIND[role],
    holdMs: RESTART_MS,
    measuredFrom: 'start',
    boundMs,
    inject: async (context) => {
      const victim = await choose(role, context);
      const ended = victim.terminate(GRACE_MS + 10_000);
      return async () => {
        await ended;
        victim.start();
      };
    },
  };
}

function blocked(role: Role): Fault {
  return {
    name: `${role}-blocked`,
    harms: KIND[role],
    holdMs: BLOCKED_MS,
    // A blocked executor keeps its lease, and what it runs: that goes on when it is free again.
    measuredFrom: role === 'executor' ? 'end' : 'start',
    boundMs: role === 'executor' ? 2000 : TAKEN_OVER_MS[role],
    inject: async (context) => {
      (await choose(role, context)).block(BLOCKED_MS);
      return () => undefined;
    },
  };
}

function clockOff(role: Role): Fault {
  return {
    name: `${role}-clock-off`,
    harms: KIND[role],
    holdMs: 8000,
    measuredFrom: 'start',
    boundMs: NO_PAUSE_MS,
    inject: async (context) => {
      const victim = await choose(role, context);
      victim.shiftClock(context.random.chance(0.5) ? HOUR_MS : -HOUR_MS);
      return () => victim.shiftClock(0);
    },
  };
}

/** Paused between asking Postgres for a job and hearing that it may start it: the worst moment there is. */
const pausedInStart: Fault = {
  name: 'executor-paused-in-start',
  harms: 'executor',
  mayRepeat: true,
  holdMs: RECLAIMED_MS + 4000,
  measuredFrom: 'start',
  boundMs: RECLAIMED_MS,
  inject: async ({ system }) => {
    const victim = await busiestExecutor(system);
    const network = system.links.between([victim.id], 'postgres');
    for (const proxy of network) proxy.delayMs = 150;
    await new Promise((resolve) => setTimeout(resolve, 600));
    victim.pause();
    for (const proxy of network) proxy.delayMs = 0;
    return () => victim.resume();
  },
};

const ROLES = ['leader', 'executor', 'store'] as const;

export const PROCESS_FAULTS: readonly Fault[] = [
  ...ROLES.flatMap((role) => [killed(role), paused(role), blocked(role), clockOff(role)]),
  terminated('leader', 100),
  terminated('executor', GRACE_MS),
  pausedInStart,
];
