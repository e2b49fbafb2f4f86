/** Ids are UUIDs of version 7: their first 48 bits say, in milliseconds, when they were made. */

export function timeOfId(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}
