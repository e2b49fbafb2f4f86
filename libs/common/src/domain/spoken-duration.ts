/** Durations in sentences, for people: `2 hours 5 minutes`. */

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** The two largest units of it, and whole seconds at the least. A negative one is taken for nothing. */
export function spokenDuration(ms: number): string {
  let rest = Math.round(ms / 1000) * 1000;
  if (rest < 1000) return 'less than a second';
  const largest = UNITS.findIndex(([, unitMs]) => rest >= unitMs);
  return UNITS.slice(largest, largest + 2)
    .flatMap(([unit, unitMs]) => {
      const count = Math.floor(rest / unitMs);
      rest -= count * unitMs;
      return count === 0 ? [] : [`${count} ${unit}${count === 1 ? '' : 's'}`];
    })
    .join(' ');
}
