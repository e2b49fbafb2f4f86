/** Where a client is in what a job writes, such that every store can go on from there. */
import type { OutputPosition } from './run-output.js';

export interface OutputId {
  readonly attempt: number;
  readonly delivery: number;
  readonly position: OutputPosition;
}

export function outputId({ attempt, delivery, position }: OutputId): string {
  return [attempt, delivery, position.out, position.err].join('.');
}

/** @returns undefined when the text is no such id */
export function parseOutputId(text: string): OutputId | undefined {
  if (!/^[1-9]\d{0,3}(\.\d{1,15}){3}$/.test(text)) return undefined;
  const [attempt = 0, delivery = 0, out = 0, err = 0] = text.split('.').map(Number);
  // As Postgres counts deliveries.
  return delivery < 2 ** 31 ? { attempt, delivery, position: { out, err } } : undefined;
}
