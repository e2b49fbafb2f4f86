/**
 * The suite put to the test: with each guard of the protocol switched off in turn, a run that aims at what it guards
 * must make a checker fail; with all of them in place, the same runs must pass.
 */
import { judge } from '../checkers/all.js';
import type { Evidence, FaultRecord, WithdrawnDelivery } from '../checkers/evidence.js';
import { Client } from '../run/client.js';
import { collect, drain, newRunFolder } from '../run/run.js';
import { System } from '../system/system.js';
import { GUARDS, switchOff, type Guard } from './guards.js';
import { SCENARIOS, type ScenarioContext } from './scenarios.js';

/** Jobs that a missing guard has left behind never end. */
const DRAIN_WITHIN_MS = 25_000;

/** @returns whether each guard was missed by a checker, and none without reason */
export async function runSelfTest(
  print: (line: string) => void,
  guards = Object.keys(GUARDS) as Guard[],
): Promise<boolean> {
  let sound = true;
  for (const guard of guards) {
    const intact = failedCheckers(await play(guard, false, print));
    const broken = failedCheckers(await play(guard, true, print));
    const ok = intact.length === 0 && broken.length > 0;
    sound &&= ok;
    const noticed = broken.length === 0 ? 'NOTHING FAILS' : `fails: ${broken.join('; ')}`;
    const control = intact.length === 0 ? 'passes' : `FAILS: ${intact.join('; ')}`;
    print(`${ok ? 'ok  ' : 'FAIL'} without the ${guard} guard ${noticed}; with it the same run ${control}`);
  }
  return sound;
}

async function play(guard: Guard, without: boolean, print: (line: string) => void): Promise<Evidence> {
  const { services, envOf, mayRepeat = false, play: scenario } = SCENARIOS[guard];
  const system = await System.start({
    folder: newRunFolder(`self-test-${guard}-${without ? 'off' : 'on'}`),
    services,
    smallDisks: false,
    ...(envOf === undefined ? {} : { envOf }),
    ...(without ? { patchCode: (dist: string) => switchOff(guard, dist) } : {}),
  });
  try {
    const client = new Client(system.of('store').map(({ url }) => url));
    const withdrawn: WithdrawnDelivery[] = [];
    const context: ScenarioContext = { system, client, withdrawn: (one) => void withdrawn.push(one) };
    const fromMs = Date.now();
    await scenario(context);
    await drain(system, print, DRAIN_WITHIN_MS);
    const fault: FaultRecord = {
      name: guard,
      mayRepeat,
      fromMs,
      toMs: Date.now(),
      measuredFrom: 'end',
      healMs: 0,
      boundMs: 0,
      readyMs: 0,
      caughtUpMs: 0,
    };
    return { ...(await collect(system, client)), faults: [fault], withdrawn, slackMs: 0 };
  } finally {
    await system.stop();
  }
}

function failedCheckers(evidence: Evidence): string[] {
  return judge(evidence).flatMap(({ checker, violations: [first] }) =>
    first === undefined ? [] : [`${checker} (${first.what})`],
  );
}
