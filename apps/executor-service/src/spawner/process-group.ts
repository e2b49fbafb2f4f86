/** A command and all that it has started, as one: a process group, whose id is the process id of its leader. */

/** Sends a signal to every process of a group; one that is gone already, or that has become another user's, is no error. */
export function signalGroup(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-id, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
