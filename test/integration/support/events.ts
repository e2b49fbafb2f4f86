/** What the tests of events share: a recording, and reading it as a listener would. */
import { EventRepository } from '#common/database/event.repository.js';
import { EVENT_COLUMNS, recordEvents } from '#common/database/event-statements.js';
import type { EventPosition, Moment } from '#common/domain/event-position.js';
import type { JobEvent } from '#common/domain/job-event.js';
import { eventually } from '../../support/eventually.js';
import type { TestStore } from './database.js';

/** Makes one more change to jobs, in the order of their ids given, as a statement of ours would. */
export const CHANGE = `
WITH changed AS (
  UPDATE jobs SET attempt = attempt + 1
  FROM (SELECT id FROM unnest($1::uuid[]) WITH ORDINALITY AS chosen(id, nth) ORDER BY nth) AS chosen
  WHERE jobs.id = chosen.id
  RETURNING ${EVENT_COLUMNS}
),${recordEvents('changed')}
SELECT count(*)::int AS count FROM changed`;

/** Begins to record; resolves when nothing is missing any more. */
export async function record(events: EventRepository): Promise<number> {
  const recording = await events.want();
  if (!recording.complete) await eventually(() => events.complete(recording));
  return recording.generation;
}

/** Stops recording, as when nobody has listened for long. */
export async function forget(store: TestStore): Promise<void> {
  await store.prisma.query(`DELETE FROM event_demand`);
}

/** Reads in windows, page by page, and remembers where it is. */
export class Reader {
  readonly seen: JobEvent[] = [];
  /** Where it was before each event, and after the last. */
  readonly positions: Omit<EventPosition, 'generation'>[] = [];
  #from: Moment | undefined;

  constructor(
    private readonly events: EventRepository,
    private readonly pageSize = 1000,
  ) {}

  /** One window, from where it was until now. */
  async read(): Promise<JobEvent[]> {
    const from = this.#from;
    const first = await this.events.readSince(from, this.pageSize);
    const to = first.moment;
    this.#from = to;
    if (from === undefined) return [];
    const window = [...first.events];
    for (let page = first.events; page.length === this.pageSize;) {
      page = (await this.events.readWindow({ from, to, seq: window.at(-1)?.seq ?? 0 }, this.pageSize)).events;
      window.push(...page);
    }
    this.seen.push(...window);
    this.positions.push(...window.map(({ seq }) => ({ from, to, seq })));
    return window;
  }

  /** Goes on from where another reader was. */
  async resume(position: Omit<EventPosition, 'generation'>): Promise<void> {
    const rest = await this.events.readWindow(position, 1_000_000);
    this.seen.push(...rest.events);
    this.#from = position.to;
  }
}

/** The attempts of each job, in the order in which they were told. */
export function attemptsOf(events: readonly JobEvent[]): Map<string, number[]> {
  const attempts = new Map<string, number[]>();
  for (const { jobId, attempt } of events) attempts.set(jobId, [...(attempts.get(jobId) ?? []), attempt]);
  return attempts;
}
