/**
 * What the clocks of an IANA time zone show. The rules come with the JavaScript engine (Intl); it answers only "what is
 * the time there at this instant", slowly, so the changes of a zone are searched once for each year and remembered.
 */

/** The stretch between two changes of a clock. Times and offsets in milliseconds; offset = wall clock − UTC. */
export interface Period {
  /** First instant. */
  readonly start: number;
  /** First instant after it. */
  readonly end: number;
  readonly offset: number;
  /** What was in force before it; a smaller one means that the clock was put forward: a gap. */
  readonly offsetBefore: number;
  /** What will be in force after it; a smaller one means that the clock will be put back: a fold. */
  readonly offsetAfter: number;
}

interface Change {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
/** Since 1950 no zone has changed its clock twice within less than seven days, less an hour. */
const PROBE_MS = 6 * DAY_MS;
/** Years remembered for each zone. Anybody can ask for a preview of any year; the few that matter are found again soon. */
const MAX_YEARS = 100;

const zones = new Map<string, Zone>();

/** Whether `name` is a time zone that this engine knows. Offsets such as +01:00 are none: they know no summer time. */
export function isZoneName(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}

/** @throws RangeError when there is no such zone */
export function zoneOf(name: string): Zone {
  const key = name.toLowerCase();
  let zone = zones.get(key);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(key, zone);
  }
  return zone;
}

export class Zone {
  readonly #format: Intl.DateTimeFormat;
  readonly #changes = new Map<number, readonly Change[]>();

  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The period that holds `instant`. One without a change for years is cut off after some, which changes nothing. */
  periodAt(instant: number): Period {
    const year = new Date(instant).getUTCFullYear();
    let last: Change | undefined;
    let next: Change | undefined;
    for (const change of this.#changesOf(year - 1)) last = change;
    for (const change of this.#changesOf(year)) {
      if (change.at <= instant) last = change;
      else next ??= change;
    }
    next ??= this.#changesOf(year + 1)[0];
    const offset = last?.after ?? next?.before ?? this.#offsetAt(instant);
    return {
      start: last?.at ?? Date.UTC(year - 1, 0),
      end: next?.at ?? Date.UTC(year + 2, 0),
      offset,
      offsetBefore: last?.before ?? offset,
      offsetAfter: next?.after ?? offset,
    };
  }

  #changesOf(year: number): readonly Change[] {
    let changes = this.#changes.get(year);
    if (changes === undefined) {
      changes = this.#searchChanges(Date.UTC(year, 0), Date.UTC(year + 1, 0));
      if (this.#changes.size >= MAX_YEARS) this.#changes.clear();
      this.#changes.set(year, changes);
    }
    return changes;
  }

  #searchChanges(from: number, to: number): Change[] {
    const changes: Change[] = [];
    let before = this.#offsetAt(from - SECOND_MS);
    for (let probe = from; probe < to; probe += PROBE_MS) {
      const until = Math.min(probe + PROBE_MS, to) - SECOND_MS;
      const after = this.#offsetAt(until);
      if (after !== before) {
        changes.push({ at: this.#firstInstantOf(after, probe - SECOND_MS, until), before, after });
      }
      before = after;
    }
    return changes;
  }

  /** Bisects to the second: `from` has another offset, `to` has this one. */
  #firstInstantOf(offset: number, from: number, to: number): number {
    let [low, high] = [from, to];
    while (high - low > SECOND_MS) {
      const middle = low + Math.floor((high - low) / 2 / SECOND_MS) * SECOND_MS;
      if (this.#offsetAt(middle) === offset) high = middle;
      else low = middle;
    }
    return high;
  }

  #offsetAt(instant: number): number {
    // Such as 3/29/2026, 03:00:00. The text is quicker to make than its parts.
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] =
      this.#format.format(instant).match(/\d+/g)?.map(Number) ?? [];
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / SECOND_MS) * SECOND_MS;
  }
}
