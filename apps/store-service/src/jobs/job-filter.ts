/** Which jobs a request means: the parameters of a list and its query, as one filter. */
import type { JobFilter } from '#common/database/job-conditions.js';
import type { JobState } from '#common/domain/job.js';
import { parseJobQuery, type QueryTerm } from '#common/domain/job-query.js';
import { invalid } from '../http/validation.js';

export interface FilterWords {
  readonly state?: readonly JobState[] | undefined;
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly q?: string | undefined;
}

/**
 * @param field where the query stands in the request
 * @throws Problem validation-failed that says where the query is wrong
 */
export function filterOf({ state, type, queue, tag, q }: FilterWords, field = 'q'): JobFilter {
  const terms: QueryTerm[] = [];
  if (state !== undefined) terms.push({ field: 'state', states: state });
  if (type !== undefined) terms.push({ field: 'type', value: type });
  if (queue !== undefined) terms.push({ field: 'queue', value: queue });
  for (const value of tag ?? []) terms.push({ field: 'tag', value });
  if (q !== undefined) terms.push(...queryTerms(q, field));
  return { terms, queuePatterns: null };
}

function queryTerms(q: string, field: string): readonly QueryTerm[] {
  const parsed = parseJobQuery(q);
  if ('terms' in parsed) return parsed.terms;
  const { field: term, position, message, allowed } = parsed.fault;
  const what = term === '' ? '' : `${JSON.stringify(term)} `;
  throw invalid('validation-failed', [
    {
      field,
      message: `at character ${position}: ${what}${message}`,
      ...(allowed === undefined ? {} : { allowed }),
    },
  ]);
}
