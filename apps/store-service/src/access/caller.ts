/** Who makes a request, and what they may do. Every door to the store makes one, and the services ask it. */
import type { UsableKey } from '#common/database/api-key.repository.js';
import { grantedBy, likePattern, queueMatcher, scopeForType, type Scope } from '#common/domain/access.js';
import type { Json } from '#common/domain/job.js';
import { Problem } from '../http/problem.js';
import type { RateLimitHeaders } from './rate-limit-headers.js';

/** What somebody wants to do. */
export interface Wanted {
  readonly scope: Scope;
  /** The queue that it is about. */
  readonly queue?: string;
  /** Type of the job that would be submitted: some need more than `submit`. */
  readonly type?: string;
}

/** What a key allows, worked out once. */
export class Grant {
  readonly id: string;
  readonly name: string;
  readonly queues: readonly string[];
  /** Operands of LIKE; null is no limit. */
  readonly likePatterns: readonly string[] | null;
  readonly #scopes: ReadonlySet<Scope>;
  readonly #matches: (queue: string) => boolean;

  constructor({ id, name, scopes, queues }: Pick<UsableKey, 'id' | 'name' | 'scopes' | 'queues'>) {
    this.id = id;
    this.name = name;
    this.queues = queues;
    this.#scopes = grantedBy(scopes);
    this.#matches = queues.length === 0 ? () => true : queueMatcher(queues);
    this.likePatterns = queues.length === 0 ? null : queues.map(likePattern);
  }

  has(scope: Scope): boolean {
    return this.#scopes.has(scope);
  }

  reaches(queue: string): boolean {
    return this.#matches(queue);
  }
}

/** No queue has an empty name. */
const NOBODY = new Grant({ id: '', name: 'nobody', scopes: [], queues: [''] });

export class Caller {
  /** Facts for the audit log, beside the action and its target. */
  #notes: { [name: string]: Json } | undefined;

  /**
   * @param grant what their key allows; undefined when the API is open
   * @param address where the request came from
   * @param rateLimit what the answer tells of their key's rate, where it has one
   */
  constructor(
    readonly grant: Grant | undefined,
    readonly address: string,
    readonly rateLimit?: RateLimitHeaders,
  ) {}

  /** Somebody who may do nothing, for what anybody may ask. */
  static nobody(address: string): Caller {
    return new Caller(NOBODY, address);
  }

  get keyId(): string | null {
    return this.grant?.id ?? null;
  }

  /** For the audit log. */
  get name(): string {
    return this.grant?.name ?? 'open access';
  }

  /** Patterns of the queues that they are limited to, as operands of LIKE; null is no limit. */
  get queuePatterns(): readonly string[] | null {
    return this.grant?.likePatterns ?? null;
  }

  /** @throws Problem forbidden that names the scope, or the queue, that their key lacks */
  require({ scope, queue, type }: Wanted): void {
    if (this.grant === undefined) return;
    this.#requireScope(scope);
    if (type !== undefined) this.#requireScope(scopeForType(type), type);
    if (queue !== undefined) this.requireQueue(queue);
  }

  /** @throws Problem forbidden when their key is limited to other queues */
  requireQueue(queue: string): void {
    if (this.reaches(queue)) return;
    const { name = '', queues = [] } = this.grant ?? {};
    throw new Problem(
      'forbidden',
      `The key "${name}" is limited to the queues ${queues.join(', ')}; ${queue} is not among them.`,
      [{ field: 'queue', message: `is beyond this key: ${queue}`, allowed: queues }],
    );
  }

  /** For what concerns all queues at once. @throws Problem forbidden when their key is limited to some */
  requireAllQueues(): void {
    if (this.queuePatterns === null) return;
    throw new Problem(
      'forbidden',
      `This concerns every queue, and the key "${this.name}" is limited to ${this.grant?.queues.join(', ')}.`,
    );
  }

  reaches(queue: string): boolean {
    return this.grant === undefined || this.grant.reaches(queue);
  }

  /**
   * What an Idempotency-Key of theirs is kept as. Keys that two callers happen to choose alike, or one of them guesses, do not
   * meet: a repetition is answered with what the first request made, and that is its caller's. (No Idempotency-Key has
   * a space in it.)
   */
  ownKey(idempotencyKey: string): string {
    return this.grant === undefined ? idempotencyKey : `${this.grant.id} ${idempotencyKey}`;
  }

  /** Adds a fact to what the audit log will say of this request. Never a secret, never a payload. */
  note(facts: { readonly [name: string]: Json }): void {
    this.#notes = { ...this.#notes, ...facts };
  }

  get notes(): Json {
    return this.#notes ?? null;
  }

  #requireScope(scope: Scope, type?: string): void {
    if (this.grant === undefined || this.grant.has(scope)) return;
    const what = type === undefined ? 'This' : `A job of type ${type}`;
    throw new Problem(
      'forbidden',
      `${what} needs the scope ${scope}, which the key "${this.grant.name}" does not have.`,
      [{ field: 'Authorization', message: `lacks the scope ${scope}` }],
      { 'www-authenticate': `Bearer realm="triumvir", error="insufficient_scope", scope="${scope}"` },
    );
  }
}
