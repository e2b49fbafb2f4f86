/**
 * Where a listener is in the stream of events, such that every store can go on from there.
 *
 * Events are written by many transactions at once, and these commit in any order. So a place in the stream is not a number
 * but a moment: what could be seen then has been delivered. Between two moments lies a window; its events are delivered by
 * seq. Each moment is a snapshot that Postgres took, and a snapshot that sees a change of a job sees all earlier changes of
 * that job: the later one had to wait for the earlier to commit. So events of one job never change places, neither within
 * a window, where seq counts up along the changes of a job, nor between windows.
 */

/** A moment, as Postgres tells it: every transaction below `next` has ended, except those under way. */
export interface Moment {
  /** The first transaction that had not begun. */
  readonly next: number;
  /** Transactions that were under way. */
  readonly underWay: readonly number[];
}

export interface EventPosition {
  /** The stretch of recording it belongs to: moments of another one say nothing. */
  readonly generation: number;
  /** All that could be seen then has been delivered, */
  readonly from: Moment;
  /** and of what could be seen since, up to this moment, */
  readonly to: Moment;
  /** the events with this seq and smaller ones. */
  readonly seq: number;
}

/** At the end of a window, all that could be seen then has been delivered. */
export function positionAt(generation: number, moment: Moment): EventPosition {
  return { generation, from: moment, to: moment, seq: 0 };
}

/** Whether what a transaction did could be seen at that moment. */
export function wasSeen({ next, underWay }: Moment, xid: number): boolean {
  return xid < next && !underWay.includes(xid);
}

/** The first transaction of which not everything may have been delivered. */
export function earliestMissing({ next, underWay }: Moment): number {
  return underWay.reduce((least, id) => Math.min(least, id), next);
}

const RADIX = 36;
const NUMBER = /^[0-9a-z]{1,11}$/;
/** As many transactions may be under way as Postgres has connections; what is longer is nobody's id. */
const LONGEST = 20_000;

/** The event id up to the seq, which is the same for all events of a window. */
export function windowId({ generation, from, to }: Omit<EventPosition, 'seq'>): string {
  return [generation.toString(RADIX), momentText(from), momentText(to), ''].join('-');
}

/** As clients keep it, in Last-Event-ID. */
export function eventId(position: EventPosition): string {
  return windowId(position) + position.seq.toString(RADIX);
}

/** @returns undefined when the text is no event id of ours */
export function parseEventId(text: string): EventPosition | undefined {
  if (text.length > LONGEST) return undefined;
  const [generation, from, to, seq, ...rest] = text.split('-');
  const position = {
    generation: number(generation),
    from: moment(from),
    to: moment(to),
    seq: number(seq),
  };
  const { generation: g, from: f, to: t, seq: s } = position;
  if (rest.length > 0 || g === undefined || f === undefined || t === undefined || s === undefined)
    return undefined;
  return { generation: g, from: f, to: t, seq: s };
}

/** Transactions under way are told by how far below `next` they are: mostly a digit. */
function momentText({ next, underWay }: Moment): string {
  return [next, ...underWay.map((id) => next - id)].map((part) => part.toString(RADIX)).join('.');
}

function moment(text: string | undefined): Moment | undefined {
  const [next, ...behind] = (text ?? '').split('.').map(number);
  if (next === undefined || behind.some((distance) => distance === undefined || distance > next))
    return undefined;
  return { next, underWay: behind.map((distance) => next - (distance ?? 0)) };
}

function number(text: string | undefined): number | undefined {
  if (text === undefined || !NUMBER.test(text)) return undefined;
  const value = Number.parseInt(text, RADIX);
  return Number.isSafeInteger(value) ? value : undefined;
}
