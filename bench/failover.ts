/** Fail-over: kills the leading scheduler of the local system with SIGKILL while 500 jobs of 20 ms wait. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const JOBS = 500;
const leaderSchema = z.object({
  elections: z.array(z.object({ election: z.string(), leader: z.object({ pid: z.number() }).nullable() })),
});
const pageSchema = z.object({
  jobs: z.array(z.object({ state: z.string(), startedAt: z.string().nullable() })),
  nextCursor: z.string().nullable(),
});

/** @returns the longest time in which no job started, in milliseconds. @throws when a job does not succeed within a minute */
export async function measureFailover(url: string): Promise<number> {
  const queue = `failover-${Date.now()}`;
  const job = JSON.stringify({ type: 'command', payload: { command: 'sleep 0.02' }, queue });
  const headers = { 'content-type': 'application/json' };
  for (let sent = 0; sent < JOBS; sent += 25) {
    await Promise.all(
      Array.from({ length: 25 }, () => fetch(`${url}/api/v1/jobs`, { method: 'POST', headers, body: job })),
    );
  }
  const { elections } = leaderSchema.parse(await (await fetch(`${url}/api/v1/cluster`)).json());
  const leader = elections.find(({ election }) => election === 'scheduler/shard-0')?.leader;
  if (leader == null) throw new Error('nobody leads scheduler/shard-0');
  process.kill(leader.pid, 'SIGKILL');

  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await pause(200)) {
    const jobs = await jobsOf(url, queue);
    if (jobs.length !== JOBS || jobs.some(({ state }) => state !== 'succeeded')) continue;
    const starts = jobs.map(({ startedAt }) => Date.parse(startedAt ?? '')).sort((a, b) => a - b);
    return Math.max(...starts.slice(1).map((at, index) => at - (starts[index] ?? at)));
  }
  throw new Error('not all jobs have succeeded within a minute');
}

async function jobsOf(url: string, queue: string): Promise<z.infer<typeof pageSchema>['jobs']> {
  const jobs: z.infer<typeof pageSchema>['jobs'] = [];
  let cursor: string | null = null;
  do {
    const from: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = pageSchema.parse(
      await (await fetch(`${url}/api/v1/jobs?queue=${queue}&limit=200${from}`)).json(),
    );
    jobs.push(...page.jobs);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return jobs;
}
