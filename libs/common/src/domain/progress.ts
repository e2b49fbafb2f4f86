/** How far an attempt is, as its handler tells it. */
export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  /** What it is at. */
  readonly message: string | null;
}

/** The same, and which run it is about. */
export interface AttemptProgress extends Progress {
  readonly jobId: string;
  /** Fencing token of the run. */
  readonly delivery: number;
  readonly attempt: number;
}
