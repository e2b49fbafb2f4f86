/**
 * Ctrl-C in the middle of a make target. Nothing is torn from its work: what is being started is started and recorded,
 * and the next checkpoint ends the target, so that `make stop` always finds everything.
 */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** As a shell reports it. */
  readonly exitCode: number;

  constructor(readonly signal: 'SIGINT' | 'SIGTERM') {
    super('interrupted');
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

const interruption = new AbortController();

/** Aborted, with an Interrupted as its reason, once this process is asked to end. */
export const interrupted: AbortSignal = interruption.signal;

export function catchInterruptions(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => interruption.abort(new Interrupted(signal)));
  }
}

/** @throws Interrupted when this process was asked to end. */
export function checkpoint(): void {
  interrupted.throwIfAborted();
}
