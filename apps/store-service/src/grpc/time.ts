/** Points in time and durations as google.protobuf.Timestamp and Duration carry them. */
import { z } from 'zod';

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

/** As REST takes it. A moment that JavaScript cannot express stays a number, and is refused as what is no time. */
export function isoOf(timestamp: SecondsMessage): string | number {
  const milliseconds = Math.floor(millisecondsOf(timestamp));
  const date = new Date(milliseconds);
  return z.date().safeParse(date).success ? date.toISOString() : milliseconds;
}
