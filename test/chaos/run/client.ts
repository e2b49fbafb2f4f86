/** A client of the public API that keeps a log of what it submitted and what it was told. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceTrouble, Submission } from '../checkers/evidence.js';

export interface NewJob {
  readonly name: string;
  readonly type: 'command' | 'print';
  readonly body: Readonly<Record<string, unknown>>;
  /** Goes on until it knows what became of the submission, for a while. */
  readonly persistent: boolean;
  /** Every attempt fails by design. */
  readonly hopeless?: boolean;
}

type Answer =
  | { readonly kind: 'ok'; readonly jobId: string }
  | { readonly kind: 'refused' }
  /** Nothing was sent. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'unknown' };

const ANSWER_WITHIN_MS = 5000;
const TRY_AGAIN_MS = 300;
const PERSIST_MS = 30_000;

export class Client {
  /** Answers that no client should ever get. */
  readonly troubles: ServiceTrouble[] = [];
  readonly #submitted: Omit<Submission, 'cancelAsked'>[] = [];
  /** Ids of jobs. */
  readonly #toBeCancelled = new Set<string>();
  readonly #underWay = new Map<string, number>();
  readonly #watchers = new Set<() => void>();
  #turn = 0;

  /** @param stores URLs, asked in turn */
  constructor(private readonly stores: readonly string[]) {}

  get submissions(): Submission[] {
    return this.#submitted.map((one) => ({
      ...one,
      cancelAsked: one.jobId !== undefined && this.#toBeCancelled.has(one.jobId),
    }));
  }

  /** Never throws. @returns the job's id when it was acknowledged */
  async submit(job: NewJob, answerWithinMs = ANSWER_WITHIN_MS): Promise<string | undefined> {
    const atMs = Date.now();
    let sent = false;
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#post(job, answerWithinMs);
      sent ||= answer.kind === 'unknown';
      const again = job.persistent && Date.now() - atMs < PERSIST_MS;
      if (answer.kind === 'ok' || answer.kind === 'refused' || !again) {
        const jobId = answer.kind === 'ok' ? answer.jobId : undefined;
        const result = jobId === undefined ? (sent ? 'unknown' : 'failed') : 'ok';
        const { name, type, hopeless = false } = job;
        this.#submitted.push({ name, type, atMs, result, jobId, tries, hopeless });
        return jobId;
      }
      await pause(TRY_AGAIN_MS);
    }
  }

  /** Asks for the cancellation of a job, until a store has heard of it or it is too late to matter. */
  async cancel(jobId: string): Promise<void> {
    this.#toBeCancelled.add(jobId);
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        const url = `${this.#nextStore()}/api/v1/jobs/${jobId}/cancel`;
        const { status } = await fetch(url, {
          method: 'POST',
          signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        });
        if (status < 500) return;
      } catch {
        // Another store may answer.
      }
      await pause(TRY_AGAIN_MS);
    }
  }

  /** Resolves as soon as a submission to that store is under way. */
  async submissionUnderWay(store: string): Promise<void> {
    while ((this.#underWay.get(store) ?? 0) === 0) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async #post(job: NewJob, answerWithinMs: number): Promise<Answer> {
    const store = this.#nextStore();
    this.#count(store, 1);
    try {
      const response = await fetch(`${store}/api/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': job.name },
        body: JSON.stringify({ name: job.name, type: job.type, ...job.body }),
        signal: AbortSignal.timeout(answerWithinMs),
      });
      const text = await response.text();
      return this.#understand(response.status, text, store);
    } catch (error) {
      return { kind: wasRefused(error) ? 'unreachable' : 'unknown' };
    } finally {
      this.#count(store, -1);
    }
  }

  #understand(status: number, text: string, store: string): Answer {
    if (status === 200 || status === 201)
      return { kind: 'ok', jobId: (JSON.parse(text) as { id: string }).id };
    // In flight under the same key; a moment later it is known what became of it.
    if (status === 409 || status === 503) return { kind: 'unknown' };
    this.troubles.push({ service: store, what: `a submission was answered with ${status}: ${text}` });
    return { kind: status < 500 ? 'refused' : 'unknown' };
  }

  #nextStore(): string {
    this.#turn += 1;
    return this.stores[this.#turn % this.stores.length] ?? '';
  }

  #count(store: string, change: 1 | -1): void {
    this.#underWay.set(store, (this.#underWay.get(store) ?? 0) + change);
    for (const wake of this.#watchers) wake();
    this.#watchers.clear();
  }
}

function wasRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}
