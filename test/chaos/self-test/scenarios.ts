/** For each guard the trouble that it guards against, brought about on purpose. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceKind } from '#tools/services.js';
import type { WithdrawnDelivery } from '../checkers/evidence.js';
import { STALE_DELIVERIES } from '../faults/stale-deliveries.js';
import { Random } from '../random.js';
import type { Client } from '../run/client.js';
import { commandBody } from '../run/workload.js';
import { LEASE_MS, SESSION_TIMEOUT_MS, type System } from '../system/system.js';
import { eventually } from '../../support/eventually.js';
import type { Guard } from './guards.js';

export interface ScenarioContext {
  readonly system: System;
  readonly client: Client;
  readonly withdrawn: (delivery: WithdrawnDelivery) => void;
}

export interface Scenario {
  readonly services: Readonly<Record<ServiceKind, number>>;
  readonly envOf?: (kind: ServiceKind, id: string) => Readonly<Record<string, string>>;
  /** What it does may make a job run twice even with all guards in place. */
  readonly mayRepeat?: true;
  readonly play: (context: ScenarioContext) => Promise<void>;
}

const SMALL = { store: 1, scheduler: 1, executor: 1 };

/** Submits so many command jobs. */
async function submit(
  { client, system }: ScenarioContext,
  count: number,
  workMs: number,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string[]> {
  const ids = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      client.submit({
        name: `job-${Date.now()}-${index}`,
        type: 'command',
        persistent: true,
        body: { ...commandBody(system.ledgerFile, workMs, 0), ...more },
      }),
    ),
  );
  return ids.flatMap((id) => id ?? []);
}

async function untilState(
  system: System,
  ids: readonly string[],
  state: string,
  count: number,
): Promise<void> {
  await eventually(
    async () => {
      const rows = await system.query('SELECT 1 FROM jobs WHERE id = ANY ($1::uuid[]) AND state = $2', [
        ids,
        state,
      ]);
      return rows.length >= count;
    },
    { within: 30_000 },
  );
}

export const SCENARIOS: Readonly<Record<Guard, Scenario>> = {
  // A leader that was frozen past its session wakes up to a backlog, and its successor is frozen just then: only the
  // epoch keeps it from claiming.
  epoch: {
    services: { ...SMALL, scheduler: 2 },
    play: async (context) => {
      const { system } = context;
      const former = await system.leader('scheduler/shard-0');
      former.pause();
      await eventually(async () => (await system.leader('scheduler/shard-0')) !== former, {
        within: SESSION_TIMEOUT_MS * 4,
      });
      const successor = await system.leader('scheduler/shard-0');
      await submit(context, 1, 5);
      await eventually(() => ended(system), { within: 20_000 });
      successor.pause();
      await submit(context, 20, 5);
      former.resume();
      await pause(1500);
      successor.resume();
    },
  },
  // Void deliveries take the place of genuine ones.
  delivery: {
    services: SMALL,
    play: async (context) => {
      const { system, client, withdrawn } = context;
      const jobs = submit(context, 5, 5, { delay: 1000 });
      const undo = await STALE_DELIVERIES.inject({
        system,
        random: new Random(1, 'self-test'),
        submissionUnderWay: (url) => client.submissionUnderWay(url),
        withdrawn,
      });
      await undo();
      await jobs;
    },
  },
  // An executor hangs until its job's deadline has passed, and gets the second attempt while its first one still runs:
  // that first one's late success is not the second's.
  attempt: {
    services: { ...SMALL, executor: 2 },
    envOf: (kind, id) =>
      kind === 'executor'
        ? { EXECUTOR_KILL_GRACE_MS: '3000', EXECUTOR_QUEUES: id === 'executor-1' ? 'default' : 'other' }
        : {},
    mayRepeat: true,
    play: async (context) => {
      const { system, client } = context;
      // The one that hangs must not be the one who reclaims.
      if ((await system.leader('executor/reclaimer')).id === 'executor-1') {
        await system.byId('executor-1').terminate(10_000);
        system.byId('executor-1').start();
        await eventually(() => system.allReady(), { within: 30_000 });
      }
      const work = commandBody(system.ledgerFile, 2500, 0).payload;
      const command = `trap '' TERM; [ "$JOB_ATTEMPT" = 1 ] && sleep 9.5; ${work.command}`;
      const id = await client.submit({
        name: 'slow',
        type: 'command',
        persistent: true,
        body: {
          payload: { ...work, command },
          timeout: 1000,
          maxAttempts: 5,
          retry: { strategy: 'fixed', delay: 0 },
        },
      });
      await untilState(system, [id ?? ''], 'running', 1);
      system.byId('executor-1').block(10_000);
      await pause(10_000);
    },
  },
  // Redis forgets what was handed over.
  sweep: {
    services: SMALL,
    play: async (context) => {
      const { system } = context;
      // So long that what the executors have no slot for still lies in Redis when it is emptied.
      const ids = await submit(context, 40, 2000);
      await untilState(system, ids, 'queued', 10);
      await system.withRedis((redis) => redis.flushall());
    },
  },
  // An executor dies with its jobs.
  reclaim: {
    services: { ...SMALL, executor: 2 },
    mayRepeat: true,
    play: async (context) => {
      const { system } = context;
      const ids = await submit(context, 30, 2000, { retry: { strategy: 'fixed', delay: 0 } });
      await untilState(system, ids, 'running', 20);
      const victim = system.byId('executor-1');
      await victim.kill();
      await pause(LEASE_MS + 2000);
      victim.start();
    },
  },
};

async function ended(system: System): Promise<boolean> {
  const rows = await system.query(`SELECT 1 FROM jobs WHERE state IN ('scheduled', 'queued', 'running')`);
  return rows.length === 0;
}
