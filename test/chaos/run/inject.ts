/** Injects planned faults one after the other, and puts on record what they did. */
import { setTimeout as pause } from 'node:timers/promises';
import type { FaultRecord } from '../checkers/evidence.js';
import type { Fault, FaultContext, Undo } from '../faults/fault.js';
import type { PlannedFault } from '../plan/fault-plan.js';
import type { Recovery } from './recovery.js';

/** The second of two overlapping faults comes this much later, in milliseconds. */
const OVERLAP_AFTER_MS = 1000;

export class Injector {
  readonly records: FaultRecord[] = [];

  constructor(
    private readonly context: FaultContext,
    private readonly recovery: Recovery,
    private readonly report: (line: string) => void,
  ) {}

  async inject({ fault, also, quietMs }: PlannedFault): Promise<void> {
    await pause(quietMs);
    const record = await (also === undefined ? this.#one(fault) : this.#two(fault, also));
    this.records.push(record);
    const took = (did: string, ms: number | undefined) =>
      `${did} ${ms === undefined ? 'NEVER' : `in ${Math.round(ms)} ms`}`;
    this.report(
      `${record.name.padEnd(44)} ${took('healed', record.healMs)} ` +
        `(bound ${record.boundMs} ms from its ${record.measuredFrom}), ${took('caught up', record.caughtUpMs)}` +
        (record.readyMs === undefined ? ', NOT READY' : ''),
    );
  }

  async #one(fault: Fault): Promise<FaultRecord> {
    const { name, measuredFrom, boundMs, holdMs } = fault;
    const fromMs = Date.now();
    const undo = await fault.inject(this.context);
    const injectedMs = Date.now();
    const [fromStart] = await Promise.all([
      measuredFrom === 'start' ? this.recovery.measure(injectedMs) : undefined,
      pause(holdMs).then(undo),
    ]);
    const toMs = Date.now();
    const firstMs = measuredFrom === 'start' ? fromStart : await this.recovery.measure(toMs);
    const mayRepeat = fault.mayRepeat === true;
    return { name, mayRepeat, fromMs, toMs, measuredFrom, boundMs, ...(await this.#settle(firstMs, toMs)) };
  }

  /** Two at once: what is promised of both together is the sum, from the end of the last. */
  async #two(first: Fault, second: Fault): Promise<FaultRecord> {
    const fromMs = Date.now();
    const hold = async (fault: Fault, inject: Promise<Undo>) => {
      const undo = await inject;
      await pause(fault.holdMs);
      await undo();
    };
    const begun = first.inject(this.context);
    await Promise.all([
      hold(first, begun),
      pause(OVERLAP_AFTER_MS).then(() => hold(second, second.inject(this.context))),
    ]);
    const toMs = Date.now();
    return {
      name: `${first.name} + ${second.name}`,
      mayRepeat: first.mayRepeat === true || second.mayRepeat === true,
      fromMs,
      toMs,
      measuredFrom: 'end',
      boundMs: first.boundMs + second.boundMs,
      ...(await this.#settle(await this.recovery.measure(toMs), toMs)),
    };
  }

  /**
   * Waits for readiness and measures once more: what is back may go away again, as a leader does whose session turns out
   * to have expired. The longer of the two times counts. The next fault waits until what piled up has been worked off, so
   * that none is measured by what another left behind.
   */
  async #settle(
    firstMs: number | undefined,
    toMs: number,
  ): Promise<Pick<FaultRecord, 'healMs' | 'readyMs' | 'caughtUpMs'>> {
    const settling = this.recovery
      .measureReadiness()
      .then(async (readyMs) => ({ readyMs, againMs: await this.recovery.measure(Date.now()) }));
    const caughtUpMs = await this.recovery.measureCatchingUp(toMs, settling);
    const { readyMs, againMs } = await settling;
    const healed = firstMs !== undefined && againMs !== undefined;
    return { readyMs, healMs: healed ? Math.max(firstMs, againMs) : undefined, caughtUpMs };
  }
}
