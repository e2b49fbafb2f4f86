/** Schedules as their users meet them: over HTTP, on the command line, and through a fail-over. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { ApiClient, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

interface ScheduleAnswer {
  readonly name: string;
  readonly state: string;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly nextDueAt: string | null;
  readonly firedCount: number;
  readonly version: number;
}

interface OccurrenceAnswer {
  readonly dueAt: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly lateness: number;
  readonly jobId: string | null;
}

const job = { type: 'print', payload: { text: 'hello' } };
const yearly = { cron: '@yearly', timezone: 'Europe/Berlin', job };

async function ledger(api: ApiClient, name: string): Promise<OccurrenceAnswer[]> {
  const occurrences: OccurrenceAnswer[] = [];
  let before: string | null = null;
  do {
    const query: string = before === null ? '' : `&before=${before}`;
    const { body } = await api.request<{ occurrences: OccurrenceAnswer[]; nextBefore: string | null }>(
      'GET',
      `/api/v1/schedules/${name}/occurrences?limit=200${query}`,
    );
    occurrences.push(...body.occurrences);
    before = body.nextBefore;
  } while (before !== null);
  return occurrences.reverse();
}

describe('over HTTP', () => {
  let cluster: Cluster;
  let api: ApiClient;

  beforeAll(async () => {
    cluster = await startCluster();
    api = new ApiClient([cluster.url]);
  });
  afterAll(() => cluster?.stop());

  const create = async (definition: object = yearly): Promise<ScheduleAnswer> => {
    const name = uniqueName('schedule');
    const { status, body } = await api.request<ScheduleAnswer>('POST', '/api/v1/schedules', {
      name,
      ...definition,
    });
    expect(status).toBe(201);
    return body;
  };

  test('a schedule is created with 201, its location, its ETag, and every default filled in', async () => {
    const name = uniqueName('schedule');
    const { status, headers, body } = await api.request<ScheduleAnswer>('POST', '/api/v1/schedules', {
      name,
      ...yearly,
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/schedules/${name}`);
    expect(headers.get('etag')).toBe('"1"');
    expect(body).toMatchObject({
      name,
      state: 'active',
      definition: { cron: '@yearly', missedRuns: 'once', overlap: 'allow', job: { queue: 'default' } },
    });
    expect(body.nextDueAt).toMatch(/^\d{4}-12-31T23:00:00\.000Z$/);
    expect((await api.request('GET', `/api/v1/schedules/${name}`)).body).toEqual(body);
    const again = await api.request<ProblemAnswer>('POST', '/api/v1/schedules', { name, ...yearly });
    expect(again.status).toBe(409);
  });

  test('what is wrong with it is told field by field, the job and its payload too', async () => {
    const refused = await api.request<ProblemAnswer>('POST', '/api/v1/schedules', {
      name: 'a b',
      cron: '0 25 * * *',
      timezone: 'Nowhere',
      job: { ...job, delay: '5s' },
    });
    expect(refused.status).toBe(422);
    expect(refused.body.errors?.map(({ field }) => field).toSorted()).toEqual([
      'cron',
      'job.delay',
      'name',
      'timezone',
    ]);
    const unknown = { ...yearly, job: { type: 'unknown' } };
    const wrongType = await api.request<ProblemAnswer>('PUT', `/api/v1/schedules/x?dryRun=true`, unknown);
    expect(wrongType.body).toMatchObject({ status: 422, errors: [{ field: 'job.type' }] });
    expect((await api.request('GET', '/api/v1/schedules/x')).status).toBe(404);
  });

  test('applying the same definition twice changes nothing and says so', async () => {
    const path = `/api/v1/schedules/${uniqueName('schedule')}`;
    const apply = (definition: object, query = '') =>
      api.request<{ applied: string; changes: object[]; schedule: ScheduleAnswer }>(
        'PUT',
        `${path}${query}`,
        definition,
      );
    expect(await apply(yearly, '?dryRun=true')).toMatchObject({
      status: 200,
      body: { applied: 'created', schedule: null },
    });
    expect(await apply(yearly)).toMatchObject({ status: 201, body: { applied: 'created' } });
    expect(await apply(yearly)).toMatchObject({
      status: 200,
      body: { applied: 'unchanged', changes: [], schedule: { version: 1 } },
    });
    const monthly = { ...yearly, cron: '@monthly' };
    const changes = [{ field: 'cron', before: '@yearly', after: '@monthly' }];
    expect((await apply(monthly, '?dryRun=true')).body).toMatchObject({ changes, schedule: { version: 1 } });
    expect((await apply(monthly)).body).toMatchObject({
      applied: 'updated',
      changes,
      schedule: { version: 2 },
    });
  });

  test('of many who apply the same definition at the same moment one creates it, and the others change nothing', async () => {
    const name = uniqueName('schedule');
    const put = (cron: string) =>
      api.request<{ applied: string }>('PUT', `/api/v1/schedules/${name}`, { cron, job });
    const outcomes = async (cron: string) => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => put(cron)));
      return answers.map(({ body }) => body.applied).toSorted();
    };
    const unchanged = Array.from({ length: 5 }, () => 'unchanged');
    expect(await outcomes('0 4 1 1 *')).toEqual(['created', ...unchanged]);
    expect(await outcomes('0 5 1 1 *')).toEqual([...unchanged, 'updated']);
  });

  test('a change that was decided on what is no longer so is refused with 412', async () => {
    const { name } = await create();
    const patch = (body: object, ifMatch: string) =>
      api.request<ScheduleAnswer>('PATCH', `/api/v1/schedules/${name}`, body, { 'if-match': ifMatch });
    expect((await patch({ overlap: 'skip' }, '"1"')).body).toMatchObject({
      version: 2,
      definition: { cron: '@yearly', overlap: 'skip' },
    });
    expect((await patch({ overlap: 'allow' }, '"1"')).status).toBe(412);
    expect((await patch({ cron: null, every: '1h' }, '"2"')).body).toMatchObject({
      definition: { every: 3_600_000 },
    });
    expect((await patch({ cron: '@daily' }, '"3"')).status).toBe(422);
    const remove = (ifMatch: string) =>
      api.request('DELETE', `/api/v1/schedules/${name}`, undefined, { 'if-match': ifMatch });
    expect((await remove('"1"')).status).toBe(412);
    expect((await remove('"3"')).status).toBe(200);
    expect((await api.request('GET', `/api/v1/schedules/${name}`)).status).toBe(404);
  });

  test('what is due is fired on time, and the ledger has each due time once, with its job', async () => {
    const { name } = await create({ cron: '* * * * * *', maxCount: 3, job });
    await eventually(async () => {
      const { body } = await api.request<ScheduleAnswer>('GET', `/api/v1/schedules/${name}`);
      expect(body).toMatchObject({ state: 'finished', firedCount: 3 });
    });
    const occurrences = await ledger(api, name);
    expect(occurrences).toHaveLength(3);
    for (const { outcome, lateness, jobId } of occurrences) {
      expect(outcome).toBe('fired');
      expect(lateness).toBeLessThan(500);
      expect(await api.waitFor(jobId ?? '')).toMatchObject({ state: 'succeeded', name });
    }
  });

  test('a paused schedule fires nothing by itself, but a person can run it', async () => {
    const { name } = await create({ cron: '* * * * * *', job });
    const { body: paused } = await api.request<ScheduleAnswer>('POST', `/api/v1/schedules/${name}/pause`);
    expect(paused.state).toBe('paused');
    const before = (await ledger(api, name)).length;
    const run = await api.request<{ jobId: string }>('POST', `/api/v1/schedules/${name}/run`);
    expect(run.status).toBe(201);
    await api.waitFor(run.body.jobId, ['succeeded']);
    expect((await ledger(api, name)).slice(before)).toMatchObject([
      { reason: 'manual', jobId: run.body.jobId },
    ]);
    const { body: resumed } = await api.request<ScheduleAnswer>('POST', `/api/v1/schedules/${name}/resume`);
    expect(resumed.state).toBe('active');
    await eventually(async () => expect((await ledger(api, name)).length).toBeGreaterThan(before + 1));
    await api.request('DELETE', `/api/v1/schedules/${name}`);
  });

  test('a preview marks gaps and folds, of a saved schedule and of one that is not', async () => {
    const { name } = await create({ cron: '30 2 * * *', timezone: 'Europe/Berlin', fold: 'both', job });
    const saved = await api.request<{ dueTimes: object[] }>(
      'GET',
      `/api/v1/schedules/${name}/preview?count=2&from=2027-03-27T12:00:00Z`,
    );
    expect(saved.body.dueTimes).toMatchObject([
      {
        utc: '2027-03-28T01:00:00.000Z',
        local: '2027-03-28T03:00:00.000+02:00',
        clock: 'gap',
        wallClock: '2027-03-28T02:30:00.000',
      },
      { utc: '2027-03-29T00:30:00.000Z', clock: 'none' },
    ]);
    const unsaved = await api.request<{ dueTimes: object[] }>('POST', '/api/v1/schedules/preview', {
      cron: '30 2 * * *',
      timezone: 'Europe/Berlin',
      fold: 'both',
      from: '2026-10-24T12:00:00Z',
      count: 2,
    });
    expect(unsaved).toMatchObject({
      status: 200,
      body: {
        timezone: 'Europe/Berlin',
        dueTimes: [
          { local: '2026-10-25T02:30:00.000+02:00', clock: 'fold-first' },
          { local: '2026-10-25T02:30:00.000+01:00', clock: 'fold-second' },
        ],
      },
    });
    const never = await api.request('POST', '/api/v1/schedules/preview', { cron: '0 0 31 2 *' });
    expect(never.body).toEqual({ timezone: 'UTC', dueTimes: [] });
  });

  test('all schedules are listed, page by page', async () => {
    const made = [await create(), await create(), await create()].map(({ name }) => name);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body } = await api.request<{ schedules: ScheduleAnswer[]; nextCursor: string | null }>(
        'GET',
        `/api/v1/schedules?limit=2${query}`,
      );
      seen.push(...body.schedules.map(({ name }) => name));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(expect.arrayContaining(made));
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('on the command line a file is applied with a diff, and a second time changes nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'triumvir-schedules-'));
    const file = join(folder, 'schedules.yaml');
    const name = uniqueName('cli');
    const triumvir = (...args: string[]) =>
      new Promise<{ code: number; out: string }>((resolve) => {
        execFile(
          process.execPath,
          [join(ROOT, 'dist/apps/cli/src/main.js'), '--url', cluster.url, 'schedule', ...args],
          (error, stdout, stderr) =>
            resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr }),
        );
      });
    const write = (cron: string) =>
      writeFile(file, `schedules:\n  - {name: ${name}, cron: "${cron}", job: {command: echo hi}}\n`);
    await write('0 2 * * *');
    expect((await triumvir('apply', '-f', file, '--dry-run')).out).toContain(`+ ${name} created`);
    expect(await triumvir('get', name)).toMatchObject({ code: 6 });
    expect((await triumvir('apply', '-f', file)).out).toContain(`+ ${name} created`);
    expect((await triumvir('apply', '-f', file)).out).toBe(`= ${name} unchanged\n`);
    await write('0 3 * * *');
    expect((await triumvir('apply', '-f', file)).out).toBe(
      `~ ${name} updated\n    cron: "0 2 * * *" → "0 3 * * *"\n`,
    );
    await write('0 99 * * *');
    expect(await triumvir('apply', '-f', file)).toMatchObject({
      code: 2,
      out: expect.stringContaining('the hour field does not allow "99"') as string,
    });
    const preview = await triumvir(
      ...['preview', '--cron', '30 2 * * *', '--timezone', 'Europe/Berlin'],
      ...['--from', '2027-03-27T12:00:00Z', '--count', '1', '-o', 'json'],
    );
    expect(JSON.parse(preview.out)).toMatchObject({
      dueTimes: [{ utc: '2027-03-28T01:00:00.000Z', clock: 'gap' }],
    });
    expect((await triumvir('occurrences', name)).out).toContain('OUTCOME');
    const examples = await triumvir('apply', '-f', join(ROOT, 'examples/schedules.yaml'), '--dry-run');
    expect(examples).toMatchObject({ code: 0 });
    await rm(folder, { recursive: true });
  });
});

describe('with two schedulers', () => {
  let cluster: Cluster;
  afterEach(() => cluster?.stop());

  test('a leader that is stopped, replaced, and wakes again fires nothing twice, and nothing is missed', async () => {
    cluster = await startCluster({ schedulers: 2, env: { ZOOKEEPER_SESSION_TIMEOUT_MS: '2000' } });
    const api = new ApiClient([cluster.url]);
    const names = Array.from({ length: 20 }, () => uniqueName('schedule'));
    for (const name of names)
      await api.request('POST', '/api/v1/schedules', { name, cron: '* * * * * *', job });
    const firedOf = async (name: string) =>
      (await api.request<ScheduleAnswer>('GET', `/api/v1/schedules/${name}`)).body.firedCount;
    const firesOn = async () => {
      const before = await firedOf(names[0] ?? '');
      await eventually(async () => expect(await firedOf(names[0] ?? '')).toBeGreaterThan(before + 1), {
        within: 15_000,
      });
    };
    const leader = async () => {
      const { body } = await api.request<{
        elections: { election: string; leader: { id: string; epoch: number | null } | null }[];
      }>('GET', '/api/v1/cluster');
      return body.elections.find(({ election }) => election === 'scheduler/shard-0')?.leader ?? undefined;
    };

    await firesOn();
    const old = await eventually(async () => {
      const found = await leader();
      if (found === undefined) throw new Error('nobody leads');
      return found;
    });
    cluster.byId(old.id).pause();
    await eventually(async () => expect((await leader())?.id).not.toBe(old.id), { within: 15_000 });
    await firesOn();
    // It wakes up with a firing that it was about to carry out.
    cluster.byId(old.id).resume();
    await firesOn();

    for (const name of names) {
      await api.request('POST', `/api/v1/schedules/${name}/pause`);
      const occurrences = await ledger(api, name);
      const due = occurrences.map(({ dueAt }) => Date.parse(dueAt));
      // Every second once: none is missing, none is there twice.
      expect(due).toEqual(due.map((_, index) => (due[0] ?? 0) + index * 1000));
      expect(occurrences.every(({ outcome }) => outcome === 'fired')).toBe(true);
      expect(new Set(occurrences.map(({ jobId }) => jobId)).size).toBe(occurrences.length);
    }
    const jobs = (await api.waitForAll()).filter(({ name }) => names.includes(name ?? ''));
    const entries = await Promise.all(names.map((name) => ledger(api, name)));
    expect(jobs.map(({ id }) => id).toSorted()).toEqual(
      entries
        .flat()
        .map(({ jobId }) => jobId ?? '')
        .toSorted(),
    );
    expect(jobs.every(({ state, attempt }) => state === 'succeeded' && attempt === 1)).toBe(true);
  });
});
