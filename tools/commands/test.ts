/**
 * `make test`: all tests, on fresh servers of their own that end with them. The last line is `N passed, N failed`. More
 * arguments go to vitest: `make test ARGS="--project unit"`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkpoint, interrupted } from '../interruption.js';
import { holdLock } from '../lock.js';
import { Profile } from '../profile.js';
import { ROOT } from '../root.js';
import { runCommand } from '../run-command.js';
import { complain } from '../screen.js';
import { stopProfile } from '../stop-profile.js';
import { countTests } from '../test-report.js';
import { provideTestServers } from '../test-servers.js';

/** Nothing that tests leave behind deserves patience. */
const GRACE_MS = 3000;

export async function test(args: readonly string[]): Promise<number> {
  const profile = new Profile('test');
  return holdLock(profile, async () => {
    // What a run left behind that was killed.
    await stopProfile(profile, 0);
    let exitCode = 1;
    try {
      const env = await provideTestServers(profile);
      checkpoint();
      exitCode = await runVitest(profile.path('report.json'), args, env);
    } catch (error) {
      // Said before the last line, which is for the count.
      if (!interrupted.aborted) complain(error);
    }
    await stopProfile(profile, GRACE_MS);
    const { passed, failed } = countTests(readReport(profile.path('report.json')), exitCode);
    console.log(`${passed} passed, ${failed} failed`);
    checkpoint();
    return exitCode;
  });
}

function runVitest(
  report: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return runCommand(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
  });
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // vitest ended before it wrote one.
  }
}
