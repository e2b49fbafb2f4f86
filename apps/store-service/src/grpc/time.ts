/** Points in time and durations as google.protobuf.Timestamp and Duration carry them. */
/** A Timestamp or a Duration; a part that is 0 may be absent. */
export interface SecondsMessage {
  readonly seconds?: number;
  readonly nanos?: number;
}

/** Milliseconds; with a fraction when nanoseconds are given. */
export function millisecondsOf({ seconds = 0, nanos = 0 }: SecondsMessage): number {
  return seconds * 1000 + nanos / 1e6;
}

export function secondsOf(milliseconds: number): SecondsMessage {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}

export function timestampOf(date: Date): SecondsMessage {
  return secondsOf(date.getTime());
}

/** As REST takes it. What JavaScript cannot express is left as a number in text, to be refused as what is no time. */
export function isoOf(timestamp: SecondsMessage): string {
  const milliseconds = Math.floor(millisecondsOf(timestamp));
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}
