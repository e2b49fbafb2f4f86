import { describe, expect, test } from 'vitest';
import { CronSyntaxError, parseCron } from './cron-expression.js';

const days = (text: string) => parseCron(`0 0 ${text} * *`).daysOfMonth;
const weekdays = (text: string) => parseCron(`0 0 * * ${text}`).daysOfWeek;

test('five fields are due at second 0, six begin with the seconds', () => {
  expect(parseCron('5 4 * * *')).toMatchObject({ seconds: [0], minutes: [5], hours: [4] });
  expect(parseCron('*/20 5 4 * * *')).toMatchObject({ seconds: [0, 20, 40], minutes: [5], hours: [4] });
});

test.each([
  ['*/5 * * * *', 5],
  ['*/1 * * * *', 1],
])('%s is due every %i minutes of the hour', (text, step) => {
  const everyHour = parseCron('0 * * * *');
  const minutes = Array.from({ length: 60 / step }, (_, index) => index * step);
  expect(parseCron(text)).toEqual({ ...everyHour, minutes });
});

test('lists, ranges, steps and open steps name the numbers that crontab(5) says', () => {
  expect(days('1,15')).toEqual([1, 15]);
  expect(days('10-13')).toEqual([10, 11, 12, 13]);
  expect(days('1-10/4')).toEqual([1, 5, 9]);
  expect(days('25/3')).toEqual([25, 28, 31]);
  expect(days('*/10')).toEqual([1, 11, 21, 31]);
  expect(days('3,1-2,2')).toEqual([1, 2, 3]);
});

test('months and weekdays have names, in any case, and Sunday is 0 and 7', () => {
  expect(parseCron('0 0 1 jan,DEC *').months).toEqual([1, 12]);
  expect(weekdays('Mon-Fri')).toEqual([1, 2, 3, 4, 5]);
  expect(weekdays('7')).toEqual([0]);
  expect(weekdays('SAT-SUN')).toEqual([0, 6]);
  expect(weekdays('5-7')).toEqual([0, 5, 6]);
  expect(weekdays('*')).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test('L is the last day of the month, also in a list', () => {
  expect(parseCron('0 0 L * *')).toMatchObject({ daysOfMonth: [], lastDayOfMonth: true });
  expect(parseCron('0 0 15,L * *')).toMatchObject({ daysOfMonth: [15], lastDayOfMonth: true });
});

test.each([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
])('%s is %s', (nickname, meaning) => {
  expect(parseCron(nickname)).toEqual(parseCron(meaning));
});

test('a star, a step of it, or every hour in any spelling is a wildcard hour', () => {
  const isWildcard = (hour: string) => parseCron(`0 ${hour} * * *`).wildcardHour;
  expect(['*', '*/2', '0-23', '0-11,12-23'].map(isWildcard)).toEqual([true, true, true, true]);
  expect(['2', '1-5', '0/2'].map(isWildcard)).toEqual([false, false, false]);
});

test('either day suffices only when both day fields are restricted', () => {
  expect(parseCron('0 0 13 * 5').eitherDay).toBe(true);
  expect(['0 0 13 * *', '0 0 * * 5', '0 0 */2 * 5'].map((text) => parseCron(text).eitherDay)).toEqual([
    false,
    false,
    false,
  ]);
});

describe('what cannot be read is refused, and the message names the field and what is allowed:', () => {
  test.each([
    ['', 'it has 0'],
    ['* * * *', 'it has 4'],
    ['* * * * * * *', 'it has 7'],
    ['60 * * * *', 'the minute field does not allow "60"; allowed are 0 to 59'],
    ['* 24 * * *', 'the hour field does not allow "24"'],
    ['0 0 0 * *', 'the day of month field does not allow "0"; allowed are 1 to 31 and L for the last day'],
    ['0 0 1 13 *', 'the month field does not allow "13"; allowed are 1 to 12 or JAN to DEC'],
    ['0 0 * * 8', 'the day of week field does not allow "8"'],
    ['0 0 * * MOON', 'the day of week field does not allow "MOON"'],
    ['0 0 15W * *', 'the day of month field does not allow "15W"'],
    ['0 0 ? * *', 'the day of month field cannot be read at "?"'],
    ['0 0 * * 5#2', 'the day of week field cannot be read at "5#2"'],
    ['5-1 * * * *', 'the range 5-1, which ends before it begins'],
    ['*/0 * * * *', 'a step that is not from 1 to 59'],
    ['1,,2 * * * *', 'the minute field cannot be read at ""'],
    ['-1 * * * *', 'the minute field cannot be read at "-1"'],
    ['1.5 * * * *', 'the minute field cannot be read at "1.5"'],
    ['@reboot', '@reboot is not a known nickname; there are @yearly'],
    ['*,'.repeat(200), 'at most 256 characters'],
  ])('%j', (text, message) => {
    expect(() => parseCron(text)).toThrow(CronSyntaxError);
    expect(() => parseCron(text)).toThrow(message);
  });
});
