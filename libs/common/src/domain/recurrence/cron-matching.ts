/**
 * Which wall-clock times a cron expression names. A wall-clock time is held here as the milliseconds at which a clock in
 * UTC would show it: no zone, no gaps, no folds; those are the business of due-times.ts.
 */
import type { CronExpression } from './cron-expression.js';

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
/**
 * The rarest date there is, 29 February, is at most eight years away (from 2096 to 2104). What is not found in nine
 * years, such as 31 February, does not exist.
 */
const SEARCH_DAYS = 9 * 366;

/** The first wall-clock time that fits, not before `from`; null when none ever will. */
export function nextMatch(cron: CronExpression, from: number): number | null {
  const first = Math.ceil(from / SECOND_MS) * SECOND_MS;
  let day = Math.floor(first / DAY_MS);
  let secondOfDay = (first - day * DAY_MS) / SECOND_MS;
  const lastDay = day + SEARCH_DAYS;
  while (day <= lastDay) {
    const date = new Date(day * DAY_MS);
    if (!cron.months.includes(date.getUTCMonth() + 1)) {
      day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / DAY_MS;
    } else {
      const time = matchesDay(cron, date) ? nextTimeOfDay(cron, secondOfDay) : undefined;
      if (time !== undefined) return day * DAY_MS + time * SECOND_MS;
      day += 1;
    }
    secondOfDay = 0;
  }
  return null;
}

function matchesDay(cron: CronExpression, date: Date): boolean {
  const day = date.getUTCDate();
  const ofMonth = cron.daysOfMonth.includes(day) || (cron.lastDayOfMonth && day === lastDayOf(date));
  const ofWeek = cron.daysOfWeek.includes(date.getUTCDay());
  return cron.eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
}

function lastDayOf(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/** In seconds since midnight; undefined when the day has no more. */
function nextTimeOfDay(cron: CronExpression, from: number): number | undefined {
  for (const hour of cron.hours) {
    if (hour * 3600 + 3599 < from) continue;
    for (const minute of cron.minutes) {
      const minuteStart = hour * 3600 + minute * 60;
      if (minuteStart + 59 < from) continue;
      for (const second of cron.seconds) {
        if (minuteStart + second >= from) return minuteStart + second;
      }
    }
  }
  return undefined;
}
