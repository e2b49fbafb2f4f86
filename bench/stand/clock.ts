/** Clocks that processes of one machine agree on. */

/** Milliseconds of the monotonic clock, with fractions: for spans that begin in one process and end in another. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Milliseconds since the epoch, with fractions: for spans that begin at a time which somebody named. */
export function wallMs(): number {
  const precise = performance.timeOrigin + performance.now();
  // The origin was read once at the start; a clock that was set since then is followed.
  return Math.abs(precise - Date.now()) < 2 ? precise : Date.now();
}
