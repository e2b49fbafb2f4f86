import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, InterruptedError, UsageError } from './exit-codes.js';
import { ProblemError, UnexpectedAnswerError, UnreachableError, WaitTimedOutError } from '#client/errors.js';

const store = new URL('http://localhost:3000');

describe('exitCodeOf', () => {
  it.each([
    [400, 2],
    [401, 4],
    [403, 4],
    [404, 6],
    [408, 1],
    [409, 6],
    [412, 6],
    [413, 2],
    [422, 2],
    [429, 1],
    [500, 1],
    [503, 1],
  ])('turns an answer of status %i into exit code %i', (status, code) => {
    const problem = { title: 'No', status, detail: 'no', instance: '/' };
    expect(exitCodeOf(new ProblemError({ ...problem, type: 'urn:triumvir:problem:internal' }))).toBe(code);
  });

  it('is 1 for a store that cannot be reached or is none, and for a fault of the program', () => {
    expect(exitCodeOf(new UnreachableError(store, 'away'))).toBe(1);
    expect(exitCodeOf(new UnexpectedAnswerError(store, 'HTML'))).toBe(1);
    expect(exitCodeOf(new TypeError('a bug'))).toBe(1);
    expect(exitCodeOf('not even an error')).toBe(1);
  });

  it.each([
    [401, 4],
    [403, 4],
    [404, 1],
    [409, 1],
    [502, 1],
  ])("turns an answer of status %i that is not a store's into exit code %i", (status, code) => {
    expect(exitCodeOf(new UnexpectedAnswerError(store, 'no problem document', status))).toBe(code);
  });

  it('is 2 for bad usage, but 0 after --help', () => {
    expect(exitCodeOf(new UsageError('no'))).toBe(2);
    expect(exitCodeOf(new CommanderError(1, 'commander.unknownOption', 'no'))).toBe(2);
    expect(exitCodeOf(new CommanderError(0, 'commander.helpDisplayed', ''))).toBe(0);
  });

  it('is 3 after a wait timed out and 130 after Ctrl-C', () => {
    expect(exitCodeOf(new WaitTimedOutError())).toBe(3);
    expect(exitCodeOf(new InterruptedError())).toBe(130);
  });
});
