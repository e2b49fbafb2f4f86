/**
 * Where the round over the lanes of a queue has come to. A claim looks at some of them, gives each fairness key its turn, and
 * the next claim goes on behind it: so nobody is passed over, whether a claim takes one job or a hundred, and however many
 * lanes there are.
 */

/** What one claim of a queue says of its lanes. */
export interface LanesLookedAt {
  /** Fairness keys of the claimed jobs, in the order of their turns; the empty text stands for none. */
  readonly served: readonly string[];
  /** Most jobs that it might have claimed. */
  readonly allowed: number;
  /** The last fairness key that was looked at; null when no job has a key. */
  readonly lastFairness: string | null;
  /** There may be more fairness keys behind that one. */
  readonly fairnessCut: boolean;
  /** A concurrency key behind which there may be more; null when all were looked at. */
  readonly cutAtKey: string | null;
}

export class LaneRound {
  /** The round begins behind these; the empty text is before all. */
  fairnessAfter = '';
  keyAfter = '';

  /** Moves on. @returns whether some lanes have not been looked at */
  advance({ served, allowed, lastFairness, fairnessCut, cutAtKey }: LanesLookedAt): boolean {
    const last = served.at(-1);
    // Those behind the last one served have not had the turn that it had.
    const endedInFirstTurn = served.length === allowed && new Set(served).size === served.length;
    if (last !== undefined && (endedInFirstTurn || !fairnessCut)) this.fairnessAfter = last;
    else if (fairnessCut && lastFairness !== null) this.fairnessAfter = lastFairness;
    if (cutAtKey !== null) this.keyAfter = cutAtKey;
    return fairnessCut || cutAtKey !== null;
  }
}
