/**
 * What a job must fit, as SQL. All that people type goes into parameters; the text of a statement comes from here alone. Which
 * index can serve a filter is said here too (decisions/0021).
 */
import { JOB_STATES, type JobState } from '#common/domain/job.js';
import type { QueryTerm } from '#common/domain/job-query.js';

export interface JobFilter {
  /** All of which a job must fit. */
  readonly terms: readonly QueryTerm[];
  /** Operands of LIKE, one of which the queue must fit; null is no limit. */
  readonly queuePatterns: readonly string[] | null;
  /** Only jobs that had been created by then, on Postgres's clock. */
  readonly createdUntil?: string;
}

/** Collects the parameters of a statement. */
export class Parameters {
  readonly values: unknown[] = [];

  /** @returns what stands for the value in the statement */
  bind(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** True of each row of `jobs` that fits. What is cheap to find out comes first. */
export function conditionOf(
  { terms, queuePatterns, createdUntil }: JobFilter,
  parameters: Parameters,
): string {
  const conditions = terms
    .toSorted((a, b) => Number(isCostly(a)) - Number(isCostly(b)))
    .map((term) => conditionOfTerm(term, parameters));
  if (queuePatterns !== null)
    conditions.unshift(`jobs.queue LIKE ANY (${parameters.bind(queuePatterns)}::text[])`);
  if (createdUntil !== undefined)
    conditions.unshift(`jobs.created_at <= ${parameters.bind(createdUntil)}::timestamptz`);
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

/** Payloads lie beside their rows, compressed, and are text only once they are unpacked. */
export function isCostly({ field }: QueryTerm): boolean {
  return field === 'text' || field === 'payload';
}

function conditionOfTerm(term: QueryTerm, parameters: Parameters): string {
  switch (term.field) {
    case 'id':
      return `jobs.id = ${parameters.bind(term.id)}::uuid`;
    case 'workflow':
      return `jobs.workflow_id = ${parameters.bind(term.id)}::uuid`;
    case 'type':
      return `jobs.type = ${parameters.bind(term.value)}`;
    case 'queue':
      return `jobs.queue = ${parameters.bind(term.value)}`;
    case 'key':
      return `jobs.unique_key = ${parameters.bind(term.value)}`;
    case 'tag':
      return `jobs.tags @> ${parameters.bind([term.value])}::text[]`;
    case 'state':
      return `jobs.state = ANY (${parameters.bind(term.states)}::text[])`;
    case 'name':
      return `lower(jobs.name) LIKE lower(${parameters.bind(containing(term.text))})`;
    case 'text':
      return containsText(term.text, parameters);
    case 'payload':
      return `jobs.payload #> ${parameters.bind(term.path)}::text[] = ANY (${parameters.bind(jsonValues(term))}::jsonb[])`;
    default:
      throw new Error(`unknown field ${String(term satisfies never)}`);
  }
}

/** In payloads and errors the text stands as JSON writes it, its quotes behind backslashes. */
function containsText(text: string, parameters: Parameters): string {
  const plain = parameters.bind(containing(text));
  const asJson = parameters.bind(containing(JSON.stringify(text).slice(1, -1)));
  return `(lower(concat_ws(chr(10), jobs.name, jobs.type, jobs.queue, jobs.unique_key, array_to_string(jobs.tags, chr(10)))) LIKE lower(${plain})
    OR lower(concat_ws(chr(10), jobs.payload::text, jobs.error::text)) LIKE lower(${asJson}))`;
}

function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
}

/** Numbers as far as they are written out: an exponent could stand for one with more digits than Postgres can hold. */
const JSON_WORD = /^(?:true|false|null|-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?)$/;

function jsonValues({ value, quoted }: { value: string; quoted: boolean }): string[] {
  const text = JSON.stringify(value);
  return quoted || !JSON_WORD.test(value) ? [text] : [text, value];
}

/**
 * True of all jobs that fit, and an index that is in the order of ids has just those it is true of; `true` stands for the
 * primary key.
 */
export function alongIndex({ terms }: JobFilter, parameters: Parameters): string {
  for (const term of terms)
    if (term.field === 'id' || term.field === 'workflow') return conditionOfTerm(term, parameters);
  const [only, ...more] = wantedStates(terms);
  if (only === undefined) return 'false';
  return (more.length === 0 ? IN_ORDER[only] : undefined) ?? 'true';
}

/** A partial index in no useful order. */
export interface Among {
  /** In its words. */
  readonly where: string;
  /** With more jobs than this it is not worth while: they are frequent enough to be met on a walk. */
  readonly most: number;
}

/** Jobs in flight lie together, and have been read a moment ago; others may each need a page of their own. */
const MOST = { inFlight: 20_000, scattered: 2000 };

/** Partial indexes that together have all jobs that fit; none where there are none such. */
export function amongIndexes(filter: JobFilter, parameters: Parameters): Among[] {
  const { terms } = filter;
  if (alongIndex(filter, new Parameters()) !== 'true') return [];
  const tag = terms.find(({ field }) => field === 'tag');
  if (tag !== undefined) return [{ where: conditionOfTerm(tag, parameters), most: MOST.scattered }];
  const states = wantedStates(terms);
  if (states.includes('succeeded')) return [];
  const queue = states.includes('scheduled') ? terms.find(({ field }) => field === 'queue') : undefined;
  const ofQueue = queue === undefined ? '' : ` AND ${conditionOfTerm(queue, parameters)}`;
  const conditions = new Set(states.flatMap((state) => indexesOf(state, ofQueue)));
  return [...conditions].map((where) => ({
    where,
    most: where === IN_FLIGHT ? MOST.inFlight : MOST.scattered,
  }));
}

/** The states that all terms about states allow. */
function wantedStates(terms: readonly QueryTerm[]): JobState[] {
  return JOB_STATES.filter((state) =>
    terms.every((term) => term.field !== 'state' || term.states.includes(state)),
  );
}

/** States that have an index in the order of ids. */
const IN_ORDER: { readonly [State in JobState]?: string } = {
  dead: 'jobs.died_at IS NOT NULL',
  blocked: `jobs.set_aside = 'blocked'`,
  cancelled: `jobs.set_aside = 'cancelled'`,
  expired: `jobs.set_aside = 'expired'`,
};

const IN_FLIGHT = 'jobs.in_flight_since IS NOT NULL';
const WITHOUT_KEYS = 'jobs.fairness_key IS NULL AND jobs.concurrency_key IS NULL';

/** In the words of jobs_claim_idx, jobs_lane_due_idx, jobs_lease_idx and jobs_in_flight_idx. */
function indexesOf(state: JobState, ofQueue: string): string[] {
  switch (state) {
    case 'scheduled':
      return [
        `jobs.claimable_at IS NOT NULL AND ${WITHOUT_KEYS}${ofQueue}`,
        `jobs.claimable_at IS NOT NULL AND (jobs.fairness_key IS NOT NULL OR jobs.concurrency_key IS NOT NULL)${ofQueue}`,
        'jobs.leasable_at IS NOT NULL',
      ];
    case 'queued':
    case 'running':
      return [IN_FLIGHT];
    default:
      return [IN_ORDER[state] ?? 'true'];
  }
}
