/** Errors on the routes of the Flask task queue: its clients look for a text in `error`. */
import type { Problem } from '../http/problem.js';

const ROUTES = /^\/(tasks(\/.*)?|queue\/stats|health)$/;

/** @returns undefined for every other route */
export function taskError(problem: Problem, path: string): { readonly error: string } | undefined {
  return ROUTES.test(path) ? { error: problem.detail } : undefined;
}
