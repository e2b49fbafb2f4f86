/**
 * The port through which duties get to lead. It promises two things: at any time about one instance leads an election,
 * and every term has an epoch that is higher than that of each term before it. "About one" is the best that any
 * election over a network can promise: a leader that is paused, or cut off, learns late that its term is over. So a
 * duty must put the epoch of its term into every write, and the database must refuse the write when the epoch is stale.
 */

/** One period of leadership. */
export interface Term {
  /** Name of the election, such as `scheduler/shard-0`, `executor/reclaimer` or `executor/queues/<queue>`. */
  readonly election: string;
  /** The fencing token of this term: it goes into the guard of every write that the duty makes. */
  readonly epoch: bigint;
  /**
   * Aborted when this leadership ends: resigned, session expired, own candidate node gone, fenced, or the duty itself
   * ended. It is not aborted by a mere loss of connection: as long as the epoch stands, the leader may go on.
   */
  readonly signal: AbortSignal;
  /**
   * To be called when a fenced write changed no row because the epoch was stale: somebody else leads. Ends the term;
   * the instance stands again as a new candidate, last in line. Further calls do nothing.
   */
  fenced(): void;
}

/**
 * Where an instance stands in one election:
 * `connecting` is not a candidate yet (no connection, or not enrolled), `standby` waits for the candidate before it,
 * `confirming` is first in line and asks for its epoch, `leading` leads, `stepping-down` waits for its duty to return
 * after a term ended, `resigned` has left for good.
 */
export type CampaignState =
  'connecting' | 'standby' | 'confirming' | 'leading' | 'stepping-down' | 'resigned';

/** The standing wish of this instance to lead one election. */
export interface Campaign {
  readonly state: CampaignState;
  /**
   * Ends the campaign for good. A term that is running is aborted and the next candidate takes over at once; this does
   * not wait for the duty to return. Resolves when this instance is no candidate any more, or when ZooKeeper could not
   * be told so just now (it is told as soon as it can be reached). Never rejects.
   */
  resign(): Promise<void>;
}

/** An abstract class, not an interface, so that Nest can inject it. */
export abstract class LeaderElection {
  /**
   * Stands for election until the campaign is resigned.
   *
   * `lead` is called once per term, never twice at the same time: a new term waits until the duty of the last one has
   * returned. It should run until `term.signal` is aborted and then return soon. When it returns before that or throws,
   * the term ends, another instance gets its turn, and this one stands again after a pause that grows each time.
   *
   * @throws RangeError when `election` is no valid name: segments of letters, digits and `. _ : -`, separated by `/`.
   */
  abstract campaign(election: string, lead: (term: Term) => Promise<void>): Campaign;
}
