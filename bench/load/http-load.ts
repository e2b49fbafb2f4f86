/** Posts one body over many connections for a while, as fast as it is answered or at a given rate, and takes the times. */
import { answerCommands } from '../stand/contestant.js';
import { percentile } from '../stand/statistics.js';
import { HttpConnection, postRequest } from './http-connection.js';

export interface Load {
  readonly url: string;
  readonly body: string;
  readonly contentType?: string;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second over all connections; as many as there are answers unless given. */
  readonly rate?: number;
  /** Answers with another status are an error. */
  readonly status: number;
  /** Times are summed up for every so many seconds; default all of them. */
  readonly windowSeconds?: number;
}

export interface Window {
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadReport {
  readonly answered: number;
  readonly seconds: number;
  readonly windows: readonly Window[];
}

const PACE_MS = 1;

async function post(load: Load): Promise<LoadReport> {
  const { seconds, windowSeconds = seconds } = load;
  const url = new URL(load.url);
  const request = postRequest(url, load.body, load.contentType);
  const connections = await Promise.all(
    Array.from({ length: load.connections }, () => HttpConnection.open(url, request)),
  );
  /** By window; one in which nothing was answered has none. */
  const times: (number[] | undefined)[] = [];
  const startedMs = performance.now();
  const pace = pacer(load.rate, startedMs);
  try {
    await Promise.all(
      connections.map(async (connection) => {
        for (;;) {
          await pace.turn();
          if (performance.now() - startedMs >= seconds * 1000) return;
          const { status, ms } = await connection.send();
          if (status !== load.status) throw new Error(`answered ${status} instead of ${load.status}`);
          const window = Math.floor((performance.now() - startedMs) / 1000 / windowSeconds);
          (times[window] ??= []).push(ms);
        }
      }),
    );
  } finally {
    pace.stop();
    for (const connection of connections) connection.close();
  }
  const windows = Array.from(times, (taken = []) => ({
    answered: taken.length,
    p50Ms: taken.length === 0 ? Number.NaN : percentile(taken, 0.5),
    p99Ms: taken.length === 0 ? Number.NaN : percentile(taken, 0.99),
  }));
  return {
    answered: windows.reduce((sum, { answered }) => sum + answered, 0),
    seconds: (performance.now() - startedMs) / 1000,
    windows,
  };
}

interface Pace {
  /** Resolves when the caller may send. */
  readonly turn: () => Promise<void>;
  readonly stop: () => void;
}

/** Hands out turns at a rate. Without a rate nobody waits. */
function pacer(rate: number | undefined, startedMs: number): Pace {
  if (rate === undefined) return { turn: async () => undefined, stop: () => undefined };
  let given = 0;
  const waiting: (() => void)[] = [];
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * rate) - given;
    for (const resolve of waiting.splice(0, due)) {
      given += 1;
      resolve();
    }
  }, PACE_MS);
  return { turn: () => new Promise((resolve) => waiting.push(resolve)), stop: () => clearInterval(timer) };
}

const commands = { post };

export type HttpLoad = typeof commands;
answerCommands(commands);
