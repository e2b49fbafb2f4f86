/**
 * The port to the epochs of leaders. ZooKeeper says who should lead; the epoch says who may: it is kept where the
 * leaders write, so that one statement can both check the epoch and write. An epoch only ever grows.
 */

/** What is stored for one election. */
export interface EpochRecord {
  readonly epoch: bigint;
  /** ZooKeeper's transaction in which the candidate that got this epoch was created. */
  readonly czxid: bigint;
  /** Id of the instance that got this epoch. */
  readonly holder: string;
}

/** An abstract class, not an interface, so that Nest can inject it. */
export abstract class EpochStore {
  /**
   * Raises the epoch by one for a candidate that is younger than every one before it, and returns it.
   * Changes nothing and returns `'superseded'` when the stored czxid is equal or higher: then either a younger
   * candidate has led already, or ZooKeeper has lost its data and counts its transactions from the start again.
   */
  abstract advance(election: string, czxid: bigint, holder: string): Promise<bigint | 'superseded'>;

  /** Raises the epoch by one whatever czxid is stored, and returns it. Only for a ZooKeeper that lost its data. */
  abstract seize(election: string, czxid: bigint, holder: string): Promise<bigint>;

  /** What is stored; undefined when nobody ever led this election. */
  abstract read(election: string): Promise<EpochRecord | undefined>;
}
