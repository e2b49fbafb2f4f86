/**
 * Idle latency: from just before a job is POSTed until it runs, one job at a time on a system that does nothing else.
 * Two clocks: when Postgres recorded the start, which the handler follows at once; and, for a command, the time that its
 * first instruction reads, which has the start of a shell and of `date` in it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const jobSchema = z.object({ id: z.string(), state: z.string(), startedAt: z.string().nullable() });
const outputSchema = z.object({ stdout: z.string() });

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Milliseconds since the epoch, with fractions. */
const now = () => performance.timeOrigin + performance.now();

/** @param count jobs of each kind */
export async function measureLatency(url: string, count: number): Promise<Record<string, Latency>> {
  const answered: number[] = [];
  const recorded: number[] = [];
  const firstInstruction: number[] = [];
  for (let i = -5; i < count; i += 1) {
    const quick = await submit(url, { type: 'print', payload: { text: 'latency' } });
    const shell = await submit(url, { type: 'command', payload: { command: 'date +%s%N' } });
    // The first few warm the connections up.
    if (i < 0) continue;
    answered.push(quick.answeredMs);
    recorded.push(Date.parse((await finished(url, quick.id)).startedAt ?? '') - quick.sentAt);
    await finished(url, shell.id);
    const { stdout } = outputSchema.parse(
      await (await fetch(`${url}/api/v1/jobs/${shell.id}/output`)).json(),
    );
    firstInstruction.push(Number(BigInt(stdout.trim()) / 1000n) / 1000 - shell.sentAt);
  }
  return {
    'POST answered, durable': summary(answered),
    'POST to recorded start': summary(recorded),
    "POST to a command's first instruction": summary(firstInstruction),
  };
}

async function submit(url: string, job: object): Promise<{ id: string; sentAt: number; answeredMs: number }> {
  const sentAt = now();
  const response = await fetch(`${url}/api/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(job),
  });
  if (response.status !== 201)
    throw new Error(`submission answered ${response.status}: ${await response.text()}`);
  const { id } = jobSchema.parse(await response.json());
  const answeredMs = now() - sentAt;
  await pause(40);
  return { id, sentAt, answeredMs };
}

async function finished(url: string, id: string): Promise<z.infer<typeof jobSchema>> {
  for (;;) {
    const job = jobSchema.parse(await (await fetch(`${url}/api/v1/jobs/${id}`)).json());
    if (job.state === 'succeeded') return job;
    if (job.state === 'dead' || job.state === 'cancelled') throw new Error(`job ${id} is ${job.state}`);
    await pause(20);
  }
}

function summary(values: readonly number[]): Latency {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
