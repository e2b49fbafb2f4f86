/**
 * The spawners of this executor. They are started when there are commands to run, one more as long as all that are there
 * have something to do: each waits for the kernel while it starts a command, and another can use that time.
 */
import { availableParallelism } from 'node:os';
import type { Ending } from './messages.js';
import { Spawner, type CommandRun } from './spawner.js';

/** Beyond it, starting commands is no longer what takes the time. */
const MOST = 4;

export class SpawnerPool {
  #spawners: Spawner[] = [];

  constructor(readonly size = Math.min(availableParallelism(), MOST)) {}

  /** Resolves when the command has ended. @throws CommandNotStarted, SpawnerLost */
  run(command: CommandRun): Promise<Ending> {
    return this.#leastLoaded().run(command);
  }

  #leastLoaded(): Spawner {
    // One that died is replaced.
    this.#spawners = this.#spawners.filter(({ alive }) => alive);
    const [first, ...others] = this.#spawners;
    const least = others.reduce<Spawner | undefined>(
      (best, spawner) => (best !== undefined && best.load <= spawner.load ? best : spawner),
      first,
    );
    if (least !== undefined && (least.load === 0 || this.#spawners.length >= this.size)) return least;
    const spawner = new Spawner();
    this.#spawners.push(spawner);
    return spawner;
  }
}
