/**
 * How late schedules fire, as the ledger has it: from the due time until the transaction that makes the job begins. At
 * idle, with a few schedules that are due at different moments of each second; and with many that are all due at one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const ledgerSchema = z.object({
  occurrences: z.array(z.object({ outcome: z.string(), lateness: z.number() })),
});
const scheduleSchema = z.object({ state: z.string() });

export interface Lateness {
  readonly count: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface ScheduleOptions {
  /** How long the idle schedules run, in seconds. Default 30. */
  readonly idleSeconds?: number;
  /** Schedules that are due at once. Default 10,000. */
  readonly burst?: number;
}

const REQUESTS_AT_ONCE = 32;
/** At idle there are so many due times in a second, evenly spread. */
const IDLE_SCHEDULES = 4;
const SAMPLE = 200;

/** @throws when a due time is not fired, or fired late by a minute */
export async function measureSchedules(
  url: string,
  { idleSeconds = 30, burst = 10_000 }: ScheduleOptions = {},
): Promise<Record<'idle' | 'burst', Lateness>> {
  const prefix = `bench-${Date.now()}`;
  return {
    idle: await measureIdle(url, `${prefix}-idle`, idleSeconds),
    burst: await measureBurst(url, `${prefix}-burst`, burst),
  };
}

async function measureIdle(url: string, prefix: string, seconds: number): Promise<Lateness> {
  const names = Array.from({ length: IDLE_SCHEDULES }, (_, index) => `${prefix}-${index}`);
  const start = Date.now() + 2000;
  await eachOf(names, (name, index) =>
    create(url, name, {
      every: '1s',
      start: new Date(start + (index * 1000) / IDLE_SCHEDULES).toISOString(),
      maxCount: seconds,
    }),
  );
  await pause(start + seconds * 1000 - Date.now());
  return collect(url, names, seconds);
}

async function measureBurst(url: string, prefix: string, count: number): Promise<Lateness> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  // How long creating them takes is known after some, which are due long after.
  const sampledAt = performance.now();
  const sample = names.slice(0, SAMPLE).map((name) => `${name}-sample`);
  const never = new Date(Date.now() + 86_400_000).toISOString();
  await eachOf(sample, (name) => create(url, name, { every: '1h', start: never }));
  const createMs = ((performance.now() - sampledAt) / sample.length) * count;
  await eachOf(sample, (name) => remove(url, name));

  const dueAt = Math.ceil((Date.now() + createMs * 1.5) / 1000 + 3) * 1000;
  await eachOf(names, (name) =>
    create(url, name, { every: '1h', start: new Date(dueAt).toISOString(), maxCount: 1 }),
  );
  if (Date.now() > dueAt - 500) throw new Error('creating the schedules took longer than it had seemed to');
  await pause(dueAt + 1000 - Date.now());
  return collect(url, names, 1);
}

async function create(url: string, name: string, timetable: object): Promise<void> {
  const response = await fetch(`${url}/api/v1/schedules`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, ...timetable, job: { type: 'print', payload: { text: 'schedule' } } }),
  });
  if (response.status !== 201)
    throw new Error(`a schedule was answered with ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

async function remove(url: string, name: string): Promise<void> {
  await (await fetch(`${url}/api/v1/schedules/${name}`, { method: 'DELETE' })).arrayBuffer();
}

/** Waits until each schedule has fired as often as it should, reads its ledger and deletes it. */
async function collect(url: string, names: readonly string[], expected: number): Promise<Lateness> {
  const lateness: number[] = [];
  const deadline = Date.now() + 60_000;
  await eachOf(names, async (name) => {
    const path = `${url}/api/v1/schedules/${name}`;
    for (;;) {
      const { state } = scheduleSchema.parse(await (await fetch(path)).json());
      if (state === 'finished') break;
      if (Date.now() > deadline) throw new Error(`${name} has not fired ${expected} times`);
      await pause(100);
    }
    const { occurrences } = ledgerSchema.parse(await (await fetch(`${path}/occurrences?limit=200`)).json());
    const fired = occurrences.filter(({ outcome }) => outcome === 'fired');
    if (fired.length !== expected)
      throw new Error(`${name} has fired ${fired.length} times, not ${expected}`);
    lateness.push(...fired.map((occurrence) => occurrence.lateness));
    await remove(url, name);
  });
  return summary(lateness);
}

/** A few at a time. */
async function eachOf(
  names: readonly string[],
  task: (name: string, index: number) => Promise<void>,
): Promise<void> {
  const waiting = names.entries();
  await Promise.all(
    Array.from({ length: REQUESTS_AT_ONCE }, async () => {
      for (const [index, name] of waiting) await task(name, index);
    }),
  );
}

function summary(values: readonly number[]): Lateness {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
