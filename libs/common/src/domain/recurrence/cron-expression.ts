/**
 * Cron expressions, read into sets of numbers: five fields (minute, hour, day of month, month, day of week), or six with
 * seconds first, or a nickname such as @daily. The rules are those of Vixie cron, as crontab(5) tells them; what other
 * dialects add (W, #, ?) is refused with a reason rather than guessed at.
 */

/** Thrown for an expression that cannot be read. The message names the field, what is wrong and what is allowed. */
export class CronSyntaxError extends Error {
  override readonly name = 'CronSyntaxError';
}

/** Ascending numbers that each field allows. */
export interface CronExpression {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  /** The last day of each month too, written L. */
  readonly lastDayOfMonth: boolean;
  /** From 1. */
  readonly months: readonly number[];
  /** 0 is Sunday. */
  readonly daysOfWeek: readonly number[];
  /** Both fields of the day are restricted, and then it is enough that one of them fits; otherwise both must. */
  readonly eitherDay: boolean;
  /** The hour field is * or begins with it, or names every hour: a rhythm rather than a time of day. */
  readonly wildcardHour: boolean;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the numbers from `min` on. */
  readonly names?: readonly string[];
}

const SECOND = { name: 'second', min: 0, max: 59 } as const satisfies Field;
const MINUTE = { name: 'minute', min: 0, max: 59 } as const satisfies Field;
const HOUR = { name: 'hour', min: 0, max: 23 } as const satisfies Field;
const DAY_OF_MONTH = { name: 'day of month', min: 1, max: 31 } as const satisfies Field;
const MONTH = {
  name: 'month',
  min: 1,
  max: 12,
  names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
} as const satisfies Field;
/** Sunday is 0 and 7, so that both 0-5 and 5-7 can be written. */
const DAY_OF_WEEK = {
  name: 'day of week',
  min: 0,
  max: 7,
  names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
} as const satisfies Field;
const SUNDAY = 7;

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const LONGEST = 256;

/** Reading takes longer than finding the next due time, and thousands of schedules share few expressions. */
const known = new Map<string, CronExpression>();
const MAX_KNOWN = 1000;

/** @throws CronSyntaxError */
export function parseCron(text: string): CronExpression {
  let cron = known.get(text);
  if (cron === undefined) {
    cron = readCron(text);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, cron);
  }
  return cron;
}

function readCron(text: string): CronExpression {
  if (text.length > LONGEST) throw new CronSyntaxError(`must have at most ${LONGEST} characters`);
  const fields = fieldsOf(text.trim());
  const [second = '', minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const hours = parseField(hour, HOUR);
  const days = day.split(',');
  const ordinaryDays = days.filter((part) => part.toUpperCase() !== 'L');
  return {
    seconds: parseField(second, SECOND),
    minutes: parseField(minute, MINUTE),
    hours,
    daysOfMonth: ordinaryDays.length === 0 ? [] : parseField(ordinaryDays.join(','), DAY_OF_MONTH),
    lastDayOfMonth: ordinaryDays.length < days.length,
    months: parseField(month, MONTH),
    daysOfWeek: ascending(parseField(weekday, DAY_OF_WEEK).map((number) => number % SUNDAY)),
    eitherDay: !day.startsWith('*') && !weekday.startsWith('*'),
    wildcardHour: hour.startsWith('*') || hours.length === HOUR.max + 1,
  };
}

function fieldsOf(text: string): string[] {
  if (text.startsWith('@')) {
    const meaning = NICKNAMES[text.toLowerCase()];
    if (meaning === undefined) {
      throw new CronSyntaxError(
        `${text} is not a known nickname; there are ${Object.keys(NICKNAMES).join(', ')}`,
      );
    }
    return ['0', ...meaning.split(' ')];
  }
  const fields = text === '' ? [] : text.split(/\s+/);
  if (fields.length === 6) return fields;
  if (fields.length === 5) return ['0', ...fields];
  throw new CronSyntaxError(
    `must have 5 fields (minute hour day-of-month month day-of-week), or 6 with seconds first; it has ${fields.length}`,
  );
}

function parseField(text: string, field: Field): number[] {
  return ascending(text.split(',').flatMap((part) => parsePart(part, field)));
}

const PART = /^(?:(\*)|([A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?)(?:\/(\d{1,3}))?$/;

/** One of *, n, a-b, each also with /step; n/step runs to the end of the field. */
function parsePart(part: string, field: Field): number[] {
  const match = PART.exec(part);
  if (match === null) throw fault(field, `cannot be read at ${JSON.stringify(part)}`);
  const [, star, first = '', last, step] = match;
  const from = star === undefined ? parseNumber(first, field) : field.min;
  const end = star === undefined && last === undefined && step === undefined ? from : field.max;
  const to = last === undefined ? end : parseEnd(last, from, field);
  const by = step === undefined ? 1 : Number(step);
  if (from > to) throw fault(field, `has the range ${part}, which ends before it begins`);
  if (by < 1 || by > field.max) throw fault(field, `has a step that is not from 1 to ${field.max}`);
  const numbers: number[] = [];
  for (let number = from; number <= to; number += by) numbers.push(number);
  return numbers;
}

/** SUN at the end of a range is the Sunday after the days before it. */
function parseEnd(text: string, from: number, field: Field): number {
  const end = parseNumber(text, field);
  return field === DAY_OF_WEEK && end === 0 && from > 0 ? SUNDAY : end;
}

function parseNumber(text: string, field: Field): number {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1;
  if (named >= 0) return field.min + named;
  const number = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= field.min && number <= field.max) return number;
  throw fault(field, `does not allow ${JSON.stringify(text)}`);
}

function fault({ name, min, max, names }: Field, what: string): CronSyntaxError {
  const named = names === undefined ? '' : ` or ${names[0]} to ${names.at(-1)}`;
  const last = name === DAY_OF_MONTH.name ? ' and L for the last day' : '';
  return new CronSyntaxError(
    `the ${name} field ${what}; allowed are ${min} to ${max}${named}${last}, *, lists with commas, ranges a-b, and steps /n`,
  );
}

function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}
