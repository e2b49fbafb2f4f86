/**
 * The processes that run things on behalf of this one, and that end all of it when they are told to. They are kept in
 * shared memory, because the heartbeat thread must be able to reach them while the main thread hangs.
 */

/** On it, a process ends by force all that it has started, and then itself. */
export const FENCE_SIGNAL = 'SIGUSR2';

const CAPACITY = 256;

export class FencedProcesses {
  /** One place for each process, 0 where there is none. */
  readonly #pids: Int32Array;

  constructor(
    readonly memory: SharedArrayBuffer = new SharedArrayBuffer(CAPACITY * Int32Array.BYTES_PER_ELEMENT),
  ) {
    this.#pids = new Int32Array(memory);
  }

  /** Only for children of this process: until they are waited for here, nobody else can have got their id. */
  add(pid: number): void {
    const free = this.#pids.indexOf(0);
    if (free === -1) throw new Error(`more than ${CAPACITY} processes`);
    Atomics.store(this.#pids, free, pid);
  }

  remove(pid: number): void {
    const index = this.#pids.indexOf(pid);
    if (index !== -1) Atomics.store(this.#pids, index, 0);
  }

  fenceAll(): void {
    for (const pid of this.#pids) {
      if (pid === 0) continue;
      try {
        process.kill(pid, FENCE_SIGNAL);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}

/** Those of this process. */
export const fencedProcesses = new FencedProcesses();
