/**
 * One instance standing in one election: feeds what happens in ZooKeeper, in the epoch store and in the duty to the
 * state machine in leadership.ts, and carries out the actions it answers with. All decisions are made there.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from '#common/logging/logger.js';
import { CandidateNodes } from './candidate-nodes.js';
import type { EpochStore } from './epoch-store.js';
import type { Campaign, CampaignState, Term } from './leader-election.js';
import {
  firstCandidacy,
  restMs,
  step,
  type Action,
  type Answer,
  type Candidate,
  type Input,
  type TermEnd,
} from './leadership.js';
import { isFailure } from './zookeeper-error.js';
import type { ZookeeperSession } from './zookeeper-session.js';
import { electionPath, type Identity } from './zookeeper-tree.js';

export interface CampaignContext {
  readonly session: ZookeeperSession;
  readonly epochs: EpochStore;
  /** The node below which everything is kept. */
  readonly root: string;
  readonly identity: Identity;
  readonly log: Logger;
}

const RETRY_MS = 500;
/** A duty that has not returned so long after the end of its term is worth a line in the log. */
const DUTY_RETURNS_WITHIN_MS = 10_000;

export class ZookeeperCampaign implements Campaign {
  readonly #nodes: CandidateNodes;
  #leadership = firstCandidacy(randomUUID());
  /** The term that runs, and the timer that has a quorum prove our node meanwhile. */
  #term:
    { readonly epoch: bigint; readonly abort: AbortController; readonly proving: NodeJS.Timeout } | undefined;
  /** For the one thing at a time that is waited for. */
  #timer: NodeJS.Timeout | undefined;
  /** Candidacies that were given up, whose nodes have not been seen to be gone. */
  readonly #abandoned = new Set<string>();
  /** The latest try to delete those nodes. */
  #withdrawal: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: CampaignContext,
    readonly election: string,
    private readonly lead: (term: Term) => Promise<void>,
  ) {
    const { session, root, identity } = context;
    this.#nodes = new CandidateNodes(session, electionPath(root, election), identity);
    session.on('connected', this.#onConnected);
    session.on('expired', this.#onExpired);
    if (session.connected) this.#feed({ type: 'session-connected' });
  }

  get state(): CampaignState {
    return this.#leadership.state;
  }

  async resign(): Promise<void> {
    this.#feed({ type: 'resign' });
    await this.#withdrawal;
  }

  readonly #onConnected = (): void => {
    this.#withdrawal = this.#removeAbandoned();
    this.#feed({ type: 'session-connected' });
  };

  readonly #onExpired = (): void => {
    this.#abandoned.clear(); // their nodes went with the session
    this.#feed({ type: 'session-expired' });
    this.#leaveSessionWhenDone();
  };

  #feed(input: Input): void {
    const before = this.state;
    const { next, actions } = step(this.#leadership, input, randomUUID());
    this.#leadership = next;
    if (next.state !== before) {
      this.context.log.debug('candidacy changed', { election: this.election, from: before, to: next.state });
    }
    for (const action of actions) this.#perform(action);
  }

  #perform(action: Action): void {
    switch (action.type) {
      case 'enrol': {
        const { candidacy } = action;
        void this.#ask(candidacy, () => this.#enrol(candidacy));
        return;
      }
      case 'survey': {
        const { candidacy, candidate } = action;
        void this.#ask(candidacy, async () => ({
          type: 'surveyed',
          candidacy,
          place: await this.#nodes.survey(candidate, this.#onLineMoved),
        }));
        return;
      }
      case 'prove': {
        const { candidacy, candidate } = action;
        void this.#ask(candidacy, async () => ({
          type: (await this.#nodes.prove(candidate)) ? 'proved' : 'node-gone',
          candidacy,
        }));
        return;
      }
      case 'advance':
        void this.#ask(action.candidacy, () =>
          this.#advance(action.candidacy, action.candidate, action.again),
        );
        return;
      case 'seize':
        void this.#ask(action.candidacy, () => this.#seize(action.candidacy, action.candidate));
        return;
      case 'begin-term':
        return this.#beginTerm(action.candidacy, action.epoch);
      case 'end-term':
        return this.#endTerm(action.reason);
      case 'withdraw':
        clearTimeout(this.#timer);
        this.#abandoned.add(action.candidacy);
        this.#withdrawal = this.#removeAbandoned();
        return;
      case 'wait':
        return this.#later(2 * this.context.session.timeoutMs, {
          type: 'waited',
          candidacy: action.candidacy,
        });
      case 'retry-later':
        return this.#later(RETRY_MS, { type: 'retry-due', candidacy: action.candidacy });
      case 'rest':
        return this.#later(restMs(action.failedTerms, Math.random()), {
          type: 'retry-due',
          candidacy: action.candidacy,
        });
      default:
        throw new Error(action satisfies never);
    }
  }

  /** Does what has an answer, and feeds that back, or that there was none. */
  async #ask(candidacy: string, question: () => Promise<Answer | undefined>): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const answer = await question();
      if (answer !== undefined) this.#feed(answer);
    } catch (error) {
      // What is lost with the connection is asked again with the next one: nothing to report.
      const expected = isFailure(error, 'connection-loss') || isFailure(error, 'session-expired');
      this.context.log[expected ? 'debug' : 'warn']('election step failed, trying again', {
        election: this.election,
        state: this.state,
        error,
      });
      this.#feed({ type: 'failed', candidacy });
    }
  }

  #later(delayMs: number, input: Answer): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#feed(input), delayMs);
  }

  async #enrol(candidacy: string): Promise<Answer | undefined> {
    const wanted = () => this.#leadership.candidacy === candidacy && this.state === 'connecting';
    const candidate = await this.#nodes.enrol(candidacy, wanted);
    return candidate && { type: 'enrolled', candidacy, candidate };
  }

  /** One function for good: the client library keeps a watcher once, however often it is set. */
  readonly #onLineMoved = (): void =>
    this.#feed({ type: 'line-moved', candidacy: this.#leadership.candidacy });

  async #advance(candidacy: string, { czxid }: Candidate, again: boolean): Promise<Answer> {
    const { epochs, identity } = this.context;
    const epoch = await this.#inTime(epochs.advance(this.election, czxid, identity.id));
    if (epoch !== 'superseded') return { type: 'epoch-granted', candidacy, epoch };
    if (again) {
      // Superseded by ourselves, if the answer to the try before was lost: then the epoch is ours.
      const record = await this.#inTime(epochs.read(this.election));
      if (record?.czxid === czxid && record.holder === identity.id) {
        return { type: 'epoch-granted', candidacy, epoch: record.epoch };
      }
    }
    return { type: 'epoch-superseded', candidacy };
  }

  async #seize(candidacy: string, { czxid }: Candidate): Promise<Answer> {
    const { epochs, identity, log } = this.context;
    const epoch = await this.#inTime(epochs.seize(this.election, czxid, identity.id));
    log.warn('epoch seized: ZooKeeper seems to have lost its data', { election: this.election, epoch });
    return { type: 'epoch-granted', candidacy, epoch };
  }

  #beginTerm(candidacy: string, epoch: bigint): void {
    const { session, log } = this.context;
    const abort = new AbortController();
    const proving = setInterval(() => {
      const now = this.#leadership;
      if (now.state === 'leading' && session.connected) {
        this.#perform({ type: 'prove', candidacy, candidate: now.candidate });
      }
    }, session.timeoutMs / 3);
    this.#term = { epoch, abort, proving };
    log.info('leadership begins', { election: this.election, epoch });
    const fenced = () => this.#feed({ type: 'fenced', candidacy });
    void this.#runDuty({ election: this.election, epoch, signal: abort.signal, fenced });
  }

  #endTerm(reason: TermEnd): void {
    if (this.#term === undefined) return;
    const { epoch, abort, proving } = this.#term;
    this.#term = undefined;
    clearInterval(proving);
    this.context.log.info('leadership ends', { election: this.election, epoch, reason });
    abort.abort(new Error(`leadership ended: ${reason}`));
  }

  async #runDuty(term: Term): Promise<void> {
    const { log } = this.context;
    const facts = { election: term.election, epoch: term.epoch };
    let overdue: NodeJS.Timeout | undefined;
    term.signal.addEventListener('abort', () => {
      overdue = setTimeout(
        () => log.warn('duty has not returned, no new candidacy before it does', facts),
        DUTY_RETURNS_WITHIN_MS,
      ).unref();
    });
    try {
      await this.lead(term);
      if (!term.signal.aborted) log.warn('duty returned before its term was over', facts);
    } catch (error) {
      // To end by throwing the reason of the abort is a proper way to obey it.
      if (error !== term.signal.reason) log.error('duty failed', { ...facts, error });
    }
    clearTimeout(overdue);
    this.#feed({ type: 'duty-ended' });
  }

  /** Deletes the nodes of candidacies that were given up. What fails is done again with the next connection. */
  async #removeAbandoned(): Promise<void> {
    for (const candidacy of this.#abandoned) {
      try {
        await this.#nodes.remove(candidacy);
        this.#abandoned.delete(candidacy);
      } catch (error) {
        this.context.log.debug('candidate not withdrawn yet', { election: this.election, error });
      }
    }
    this.#leaveSessionWhenDone();
  }

  #leaveSessionWhenDone(): void {
    if (this.state !== 'resigned' || this.#abandoned.size > 0) return;
    this.context.session.off('connected', this.#onConnected);
    this.context.session.off('expired', this.#onExpired);
  }

  /** An epoch store that does not answer must not keep the first place for ever. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      limit = setTimeout(
        () => reject(new Error('no answer from the epoch store')),
        this.context.session.timeoutMs,
      );
    });
    return Promise.race([answer, late]).finally(() => clearTimeout(limit));
  }
}
