/** Figures from many measurements. */

/** The smallest value that at least `share` of the values do not exceed. @throws when there are none */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const below = sorted[Math.ceil(middle) - 1];
  const above = sorted[Math.floor(middle)];
  if (below === undefined || above === undefined) throw new Error('nothing was measured');
  return (below + above) / 2;
}

/** The longest time between two neighbours. */
export function longestGap(moments: readonly number[]): number {
  const sorted = moments.toSorted((a, b) => a - b);
  return sorted.reduce(
    (longest, moment, index) => Math.max(longest, moment - (sorted[index - 1] ?? moment)),
    0,
  );
}
