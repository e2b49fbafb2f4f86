/** The loop that every background duty runs in: it survives errors, backs off while they last, and ends with its signal. */
import { Alarm } from './alarm.js';
import type { Logger } from '#common/logging/logger.js';

export interface RepeatOptions {
  /** What the loop does, for the log. */
  readonly duty: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Cuts the pause between two rounds short. */
  readonly alarm?: Alarm;
  /** Longest pause after an error, in milliseconds. Default 1000: heal within a second or so of the cause. */
  readonly maxBackoffMs?: number;
}

const FIRST_BACKOFF_MS = 100;

/**
 * Calls `round` until the signal aborts. It returns how long to pause before the next round, in milliseconds.
 * An error is logged (the first of a row as a warning, its repetitions only for debugging) and doubles the pause.
 */
export async function repeat(options: RepeatOptions, round: () => Promise<number>): Promise<void> {
  const { duty, signal, log, alarm = new Alarm(), maxBackoffMs = 1000 } = options;
  const backoff = new Alarm();
  let failures = 0;
  while (!signal.aborted) {
    try {
      const pauseMs = await round();
      if (failures > 0) log.info('duty works again', { duty, failures });
      failures = 0;
      await alarm.sleep(pauseMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      log.log(failures === 1 ? 'warn' : 'debug', 'duty failed, will try again', { duty, failures, error });
      // A hint must not turn the back-off into a busy loop, so it sleeps on an alarm that nobody rings.
      await backoff.sleep(Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), maxBackoffMs), signal);
    }
  }
}
