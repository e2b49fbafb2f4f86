/** Loopback ports for what the make targets start: the usual one when it is free, another one otherwise. */
import { connect } from 'node:net';
import { canListen, freePort } from './servers/server-process.js';

const TRIES = 50;

export class Ports {
  /** Given away already, though nobody may be listening there yet. */
  private readonly given: Set<number>;

  constructor(given: Iterable<number> = []) {
    this.given = new Set(given);
  }

  /** The first free port from `preferred` upwards; any free one when that is 0 or its neighbourhood is full. */
  async take(preferred: number): Promise<number> {
    if (preferred > 0) {
      for (let port = preferred; port < preferred + TRIES && port <= 65_535; port += 1) {
        if (!this.given.has(port) && (await isFree(port))) return this.give(port);
      }
    }
    let port = await freePort();
    while (this.given.has(port)) port = await freePort();
    return this.give(port);
  }

  private give(port: number): number {
    this.given.add(port);
    return port;
  }
}

/** Asks in both ways: some systems let a second listener bind a port that one on all addresses has. */
async function isFree(port: number): Promise<boolean> {
  return !(await answers('127.0.0.1', port, 300)) && (await canListen(port));
}

/** True when something accepts a connection there. */
export function answers(host: string, port: number, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: withinMs });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}
