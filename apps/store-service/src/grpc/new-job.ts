/** A job to be, from its message to what REST takes in a body: from there on both go one way, schema and all. */
import { listOf, present, wordOf } from './message-fields.js';
import { jsonOfStruct, type StructMessage } from './struct.js';
import { isoOf, millisecondsOf, type SecondsMessage } from './time.js';

/** What may be left out is absent when it was; enums are their names, or a number that has none. */
export interface NewJobMessage {
  readonly type?: string;
  readonly payload?: StructMessage;
  readonly name?: string;
  readonly queue?: string;
  readonly priority?: number;
  readonly maxAttempts?: number;
  readonly timeout?: SecondsMessage;
  readonly onLost?: string | number;
  readonly retry?: RetryMessage;
  readonly runAt?: SecondsMessage;
  readonly delay?: SecondsMessage;
  readonly uniqueKey?: string;
  readonly uniquePolicy?: string | number;
  readonly concurrencyKey?: string;
  readonly fairnessKey?: string;
  readonly expiresAt?: SecondsMessage;
  readonly tags?: readonly string[];
}

export interface RetryMessage {
  readonly exponential?: {
    readonly base?: SecondsMessage;
    readonly factor?: number;
    readonly max?: SecondsMessage;
    readonly jitter?: number;
  };
  readonly fixed?: { readonly delay?: SecondsMessage };
  readonly list?: { readonly delays?: readonly SecondsMessage[] };
  readonly none?: object;
}

export function bodyOf({
  payload,
  timeout,
  onLost,
  retry,
  runAt,
  delay,
  uniquePolicy,
  expiresAt,
  tags,
  ...same
}: NewJobMessage) {
  return present({
    ...same,
    payload: payload && jsonOfStruct(payload),
    timeout: timeout && millisecondsOf(timeout),
    onLost: wordOf(onLost, 'ON_LOST_'),
    retry: retry && retryOf(retry),
    runAt: runAt && isoOf(runAt),
    delay: delay && millisecondsOf(delay),
    uniquePolicy: wordOf(uniquePolicy, 'UNIQUE_POLICY_'),
    expiresAt: expiresAt && isoOf(expiresAt),
    tags: listOf(tags),
  });
}

function retryOf({ exponential, fixed, list, none }: RetryMessage): object {
  if (exponential !== undefined) {
    const { base, max, ...same } = exponential;
    return present({
      strategy: 'exponential',
      ...same,
      base: base && millisecondsOf(base),
      max: max && millisecondsOf(max),
    });
  }
  if (fixed !== undefined) return { strategy: 'fixed', delay: millisecondsOf(fixed.delay ?? {}) };
  if (list !== undefined) return { strategy: 'list', delays: (list.delays ?? []).map(millisecondsOf) };
  return none === undefined ? {} : { strategy: 'none' };
}
