/**
 * The process groups that this executor has started. They are kept in shared memory, because the heartbeat thread must
 * be able to end them while the main thread hangs.
 */

const CAPACITY = 16_384;

export class ProcessGroups {
  /** One place for each living group, 0 where there is none; the id of a group is the process id of its leader. */
  readonly #ids: Int32Array;

  constructor(
    readonly memory: SharedArrayBuffer = new SharedArrayBuffer(CAPACITY * Int32Array.BYTES_PER_ELEMENT),
  ) {
    this.#ids = new Int32Array(memory);
  }

  add(id: number): void {
    const free = this.#ids.indexOf(0);
    if (free === -1) throw new Error(`more than ${CAPACITY} process groups`);
    Atomics.store(this.#ids, free, id);
  }

  remove(id: number): void {
    const index = this.#ids.indexOf(id);
    if (index !== -1) Atomics.store(this.#ids, index, 0);
  }

  killAll(): void {
    for (const id of this.#ids) if (id !== 0) signalGroup(id, 'SIGKILL');
  }
}

/** Sends a signal to every process of a group; one that is gone already, or that has become another user's, is no error. */
export function signalGroup(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-id, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Those of this process. */
export const processGroups = new ProcessGroups();
