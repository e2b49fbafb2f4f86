/**
 * Leadership of one election as a pure state machine: what an instance is (Leadership), what can happen to it (Input),
 * and what it must then do (Action). It knows neither network nor clock, so every order of events can be tested.
 *
 *   connecting ──enrolled──► standby ──first in line──► confirming ──epoch──► leading ──term over──► stepping-down
 *       ▲                                                                                                 │
 *       └───────────────────────────── session expired, node gone, duty returned ─────────────────────────┘
 *
 * A loss of connection is no input that ends anything: the epoch fences a leader that should not be one any more. What
 * was under way when the connection broke fails, and is done again when there is a connection.
 *
 * Each candidacy has a GUID of its own. Answers carry the candidacy they were asked for, and those of an earlier one
 * are ignored.
 */
/* oxlint-disable typescript/switch-exhaustiveness-check -- an input that a state does not name leaves it as it is */
import type { CampaignState } from './leader-election.js';

/** A candidate node in ZooKeeper that is ours. */
export interface Candidate {
  readonly path: string;
  /** The transaction that created it: younger candidates have higher ones. */
  readonly czxid: bigint;
}

/**
 * How the first in line gets its epoch. Normally `advance` does. When the store knows of an equal or younger candidate
 * although we are first in line, ZooKeeper has lost its data, or we see an old state of it: so have a quorum prove that
 * our node exists, wait until every session of before has expired, have it proved again, and only then `seize`.
 */
type ConfirmingStep = 'advance' | 'prove' | 'wait' | 'prove-again' | 'seize';

interface Standing {
  /** GUID of the present candidacy. */
  readonly candidacy: string;
  /** Terms in a row that ended through a fault of their own; sets the pause before the next candidacy. */
  readonly failedTerms: number;
}

export type Leadership =
  /** `resting`: the pause after a failed term is not over. */
  | (Standing & { readonly state: 'connecting'; readonly resting: boolean })
  | (Standing & { readonly state: 'standby'; readonly candidate: Candidate })
  | (Standing & {
      readonly state: 'confirming';
      readonly candidate: Candidate;
      readonly step: ConfirmingStep;
      readonly failures: number;
    })
  | (Standing & { readonly state: 'leading'; readonly candidate: Candidate; readonly epoch: bigint })
  | (Standing & { readonly state: 'stepping-down' })
  | (Standing & { readonly state: 'resigned' });

export type Input =
  | { readonly type: 'session-connected' }
  | { readonly type: 'session-expired' }
  | { readonly type: 'resign' }
  /** The duty of the last term has returned, or thrown. */
  | { readonly type: 'duty-ended' }
  | Answer;

/** An input that counts only for the candidacy it is about. */
export type Answer = { readonly candidacy: string } & (
  | { readonly type: 'enrolled'; readonly candidate: Candidate }
  | { readonly type: 'surveyed'; readonly place: 'first' | 'behind' | 'gone' }
  /** The candidate before us is gone. */
  | { readonly type: 'line-moved' }
  | { readonly type: 'epoch-granted'; readonly epoch: bigint }
  | { readonly type: 'epoch-superseded' }
  | { readonly type: 'proved' }
  | { readonly type: 'node-gone' }
  | { readonly type: 'waited' }
  /** An action could not be carried out. */
  | { readonly type: 'failed' }
  | { readonly type: 'retry-due' }
  /** A write of our duty changed no row, as its epoch was stale. */
  | { readonly type: 'fenced' }
);

export type TermEnd = 'resigned' | 'session expired' | 'candidate node gone' | 'fenced' | 'duty ended';

export type Action =
  /** Find the node of this candidacy, or create it. Answers `enrolled`. */
  | { readonly type: 'enrol'; readonly candidacy: string }
  /** See who is in line, and watch the one before us. Answers `surveyed`. */
  | { readonly type: 'survey'; readonly candidacy: string; readonly candidate: Candidate }
  /** Answers `epoch-granted` or `epoch-superseded`. `again`: an earlier try may have succeeded unseen. */
  | {
      readonly type: 'advance';
      readonly candidacy: string;
      readonly candidate: Candidate;
      readonly again: boolean;
    }
  /** Answers `epoch-granted`. */
  | { readonly type: 'seize'; readonly candidacy: string; readonly candidate: Candidate }
  /** Have a quorum prove that our node exists. Answers `proved` or `node-gone`. */
  | { readonly type: 'prove'; readonly candidacy: string; readonly candidate: Candidate }
  /** Wait two session timeouts. Answers `waited`. */
  | { readonly type: 'wait'; readonly candidacy: string }
  | { readonly type: 'begin-term'; readonly candidacy: string; readonly epoch: bigint }
  | { readonly type: 'end-term'; readonly reason: TermEnd }
  /** Delete the node of this candidacy, if there is one, as soon as possible. */
  | { readonly type: 'withdraw'; readonly candidacy: string }
  /** Answers `retry-due` after a short pause, */
  | { readonly type: 'retry-later'; readonly candidacy: string }
  /** or after one that grows with the failed terms. */
  | { readonly type: 'rest'; readonly candidacy: string; readonly failedTerms: number };

export interface Step {
  readonly next: Leadership;
  readonly actions: readonly Action[];
}

/** So often the store of epochs may fail before a candidate makes way: others may reach it. */
const FAILURES_BEFORE_MAKING_WAY = 5;

export function firstCandidacy(guid: string): Leadership {
  return { state: 'connecting', candidacy: guid, failedTerms: 0, resting: false };
}

/** What `now` becomes through `input`. `guid` is the name of the next candidacy, should one begin. */
export function step(now: Leadership, input: Input, guid: string): Step {
  if ('candidacy' in input && input.candidacy !== now.candidacy) return stay(now);
  if (input.type === 'resign') return resign(now);
  switch (now.state) {
    case 'connecting':
      return connecting(now, input, guid);
    case 'standby':
      return standby(now, input, guid);
    case 'confirming':
      return confirming(now, input, guid);
    case 'leading':
      return leading(now, input, guid);
    case 'stepping-down':
      return input.type === 'duty-ended' ? standAgain(now) : stay(now);
    case 'resigned':
      return stay(now);
    default:
      throw new Error(now satisfies never);
  }
}

type In<State extends CampaignState> = Extract<Leadership, { readonly state: State }>;

function connecting(now: In<'connecting'>, input: Input, guid: string): Step {
  switch (input.type) {
    case 'session-connected':
      return now.resting ? stay(now) : stay(now, { type: 'enrol', candidacy: now.candidacy });
    case 'session-expired':
      // The node may have been created in the old session, and its answer lost: it is not ours any more.
      return stay({ ...now, candidacy: guid }, ...(now.resting ? [rest(now.failedTerms, guid)] : []));
    case 'enrolled': {
      const { candidacy, failedTerms } = now;
      const { candidate } = input;
      return {
        next: { state: 'standby', candidacy, failedTerms, candidate },
        actions: [{ type: 'survey', candidacy, candidate }],
      };
    }
    case 'failed':
      return stay(now, { type: 'retry-later', candidacy: now.candidacy });
    case 'retry-due':
      return stay({ ...now, resting: false }, { type: 'enrol', candidacy: now.candidacy });
    default:
      return stay(now);
  }
}

function standby(now: In<'standby'>, input: Input, guid: string): Step {
  const { candidacy, candidate, failedTerms } = now;
  switch (input.type) {
    case 'session-connected':
    case 'line-moved':
    case 'retry-due':
      return stay(now, { type: 'survey', candidacy, candidate });
    case 'surveyed':
      if (input.place === 'behind') return stay(now);
      if (input.place === 'gone') return enrolAfresh(now, guid);
      return {
        next: { state: 'confirming', candidacy, failedTerms, candidate, step: 'advance', failures: 0 },
        actions: [{ type: 'advance', candidacy, candidate, again: false }],
      };
    case 'failed':
      return stay(now, { type: 'retry-later', candidacy });
    case 'session-expired':
      return waitForSession(now, guid);
    default:
      return stay(now);
  }
}

function confirming(now: In<'confirming'>, input: Input, guid: string): Step {
  const { candidacy, candidate, failedTerms } = now;
  switch (input.type) {
    case 'epoch-granted':
      return {
        next: { state: 'leading', candidacy, failedTerms, candidate, epoch: input.epoch },
        actions: [{ type: 'begin-term', candidacy, epoch: input.epoch }],
      };
    case 'epoch-superseded':
      return now.step === 'advance' ? confirmBy(now, 'prove') : stay(now);
    case 'proved':
      if (now.step === 'prove') return confirmBy(now, 'wait');
      return now.step === 'prove-again' ? confirmBy(now, 'seize') : stay(now);
    case 'waited':
      return now.step === 'wait' ? confirmBy(now, 'prove-again') : stay(now);
    case 'node-gone':
      return enrolAfresh(now, guid);
    case 'failed': {
      const failures = now.failures + 1;
      if (failures < FAILURES_BEFORE_MAKING_WAY) {
        return stay({ ...now, failures }, { type: 'retry-later', candidacy });
      }
      return {
        next: { state: 'connecting', candidacy: guid, failedTerms, resting: true },
        actions: [{ type: 'withdraw', candidacy }, rest(failedTerms, guid)],
      };
    }
    case 'retry-due':
      return now.step === 'wait' ? stay(now) : stay(now, confirmingAction(now));
    case 'session-connected':
      // Only the proof goes through ZooKeeper; the epoch is still being asked for, or its retry is due by itself.
      return now.step === 'prove' || now.step === 'prove-again'
        ? stay(now, confirmingAction(now))
        : stay(now);
    case 'session-expired':
      return waitForSession(now, guid);
    default:
      return stay(now);
  }
}

function leading(now: In<'leading'>, input: Input, guid: string): Step {
  const { candidacy, candidate } = now;
  switch (input.type) {
    case 'session-connected':
      return stay(now, { type: 'prove', candidacy, candidate });
    case 'proved':
      return stay({ ...now, failedTerms: 0 });
    case 'session-expired':
      return stepDown(guid, 0, { type: 'end-term', reason: 'session expired' });
    case 'node-gone':
      return stepDown(guid, 0, { type: 'end-term', reason: 'candidate node gone' });
    case 'fenced': {
      const failedTerms = now.failedTerms + 1;
      return stepDown(
        guid,
        failedTerms,
        { type: 'end-term', reason: 'fenced' },
        { type: 'withdraw', candidacy },
      );
    }
    case 'duty-ended': {
      const failedTerms = now.failedTerms + 1;
      return {
        next: { state: 'connecting', candidacy: guid, failedTerms, resting: true },
        actions: [
          { type: 'end-term', reason: 'duty ended' },
          { type: 'withdraw', candidacy },
          rest(failedTerms, guid),
        ],
      };
    }
    default:
      return stay(now);
  }
}

function stay(now: Leadership, ...actions: Action[]): Step {
  return { next: now, actions };
}

function resign(now: Leadership): Step {
  const { candidacy, failedTerms } = now;
  const next: Leadership = { state: 'resigned', candidacy, failedTerms };
  switch (now.state) {
    case 'leading':
      return {
        next,
        actions: [
          { type: 'end-term', reason: 'resigned' },
          { type: 'withdraw', candidacy },
        ],
      };
    case 'connecting':
    case 'standby':
    case 'confirming':
      return { next, actions: [{ type: 'withdraw', candidacy }] };
    case 'stepping-down':
      return { next, actions: [] };
    case 'resigned':
      return stay(now);
    default:
      throw new Error(now satisfies never);
  }
}

function rest(failedTerms: number, candidacy: string): Action {
  return { type: 'rest', candidacy, failedTerms };
}

function waitForSession({ failedTerms }: Standing, guid: string): Step {
  return stay({ state: 'connecting', candidacy: guid, failedTerms, resting: false });
}

/** Our node was not seen. In case it is still there after all, it is withdrawn: two candidates must not remain. */
function enrolAfresh({ candidacy, failedTerms }: Standing, guid: string): Step {
  return stay(
    { state: 'connecting', candidacy: guid, failedTerms, resting: false },
    { type: 'withdraw', candidacy },
    { type: 'enrol', candidacy: guid },
  );
}

function confirmBy(now: In<'confirming'>, by: ConfirmingStep): Step {
  const next = { ...now, step: by, failures: 0 };
  return stay(next, confirmingAction(next));
}

function confirmingAction({ step: by, candidacy, candidate, failures }: In<'confirming'>): Action {
  switch (by) {
    case 'advance':
      return { type: 'advance', candidacy, candidate, again: failures > 0 };
    case 'prove':
    case 'prove-again':
      return { type: 'prove', candidacy, candidate };
    case 'wait':
      return { type: 'wait', candidacy };
    case 'seize':
      return { type: 'seize', candidacy, candidate };
    default:
      throw new Error(by satisfies never);
  }
}

function stepDown(guid: string, failedTerms: number, ...actions: Action[]): Step {
  return stay({ state: 'stepping-down', candidacy: guid, failedTerms }, ...actions);
}

/** The duty has returned: a term that ended through no fault of its own is followed by a new candidacy at once. */
function standAgain({ candidacy, failedTerms }: In<'stepping-down'>): Step {
  const resting = failedTerms > 0;
  return stay(
    { state: 'connecting', candidacy, failedTerms, resting },
    resting ? rest(failedTerms, candidacy) : { type: 'enrol', candidacy },
  );
}

/** Pause before standing again, in milliseconds; `random` is in [0, 1). */
export function restMs(failedTerms: number, random: number): number {
  const longest = Math.min(30_000, 250 * 2 ** failedTerms);
  return longest / 2 + (longest / 2) * random;
}
