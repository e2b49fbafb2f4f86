/**
 * `make test-servers`: servers for tests that stay, so that single test files can be run again and again:
 * `eval "$(make -s test-servers)" && npx vitest run test/integration/jobs.spec.ts`.
 */
import { writeFileSync } from 'node:fs';
import { holdLock } from '../lock.js';
import { Profile } from '../profile.js';
import { say } from '../screen.js';
import { stopProfile } from '../stop-profile.js';
import { provideTestServers } from '../test-servers.js';

/** Nothing that tests leave behind deserves patience. */
const GRACE_MS = 3000;

export async function testServers(): Promise<void> {
  const profile = new Profile('dev-test');
  const env = await holdLock(profile, () => provideTestServers(profile));
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`);
  writeFileSync(profile.path('exports.sh'), `${lines.join('\n')}\n`, { mode: 0o600 });
  console.log(lines.join('\n'));
}

export async function testServersStop(): Promise<void> {
  const { servers } = await stopProfile(new Profile('dev-test'), GRACE_MS);
  say('Stopped', servers.length === 0 ? 'no test servers ran' : servers.join(', '));
}
