/**
 * Third choice: as root on Debian or Ubuntu, the packages with the missing server programs. Their own system services
 * are neither started now nor at the next boot: only the programs are wanted.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { interrupted } from '../interruption.js';
import { outputOf, runCommand, tail } from '../run-command.js';
import { findProgram } from '../servers/find-program.js';
import type { ServerName } from './server-names.js';

/** What brings each server. Also told to people who have to install it by hand. */
export const PACKAGES: Readonly<Record<ServerName, readonly string[]>> = {
  postgres: ['postgresql'],
  redis: ['redis-server'],
  zookeeper: ['zookeeper', 'default-jre-headless'],
};

/** The system services that those packages bring. */
const SYSTEM_SERVICES = ['postgresql', 'redis-server', 'zookeeper'];

/** Package scripts ask this program whether they may start a service; 101 means no. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY = '#!/bin/sh\nexit 101\n';

export function aptUsable(): boolean {
  return (
    process.getuid?.() === 0 && existsSync('/etc/debian_version') && findProgram('apt-get') !== undefined
  );
}

/** Commands that install the servers, in order. Pure, so that what root is about to run can be tested without running it. */
export function aptCommands(servers: readonly ServerName[]): readonly (readonly string[])[] {
  const patience = ['-o', 'DPkg::Lock::Timeout=120'];
  const packages = servers.flatMap((server) => PACKAGES[server]);
  return [
    ['apt-get', ...patience, '-q', 'update'],
    ['apt-get', ...patience, '-q', '-y', '--no-install-recommends', 'install', ...packages],
  ];
}

/** Installs; resolves with why it failed, or undefined when it did not. */
export async function installWithApt(
  servers: readonly ServerName[],
  logFile: string,
): Promise<string | undefined> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const present = SYSTEM_SERVICES.filter(isSystemService);
  const ownPolicy = !existsSync(POLICY_FILE);
  if (ownPolicy) writeFileSync(POLICY_FILE, POLICY, { mode: 0o755 });
  try {
    for (const [command = '', ...args] of aptCommands(servers)) {
      const exitCode = await runCommand(command, args, { env, logFile });
      interrupted.throwIfAborted();
      // A package list that could not be fetched anew may still be good enough.
      if (exitCode !== 0 && args.includes('install')) return `apt-get failed:\n${tail(logFile, 5)}`;
    }
    for (const service of SYSTEM_SERVICES.filter(
      (name) => isSystemService(name) && !present.includes(name),
    )) {
      outputOf('systemctl', ['disable', '--quiet', service]);
    }
    return undefined;
  } finally {
    if (ownPolicy) rmSync(POLICY_FILE, { force: true });
  }
}

function isSystemService(name: string): boolean {
  return ['/lib/systemd/system', '/etc/init.d'].some(
    (folder) => existsSync(`${folder}/${name}.service`) || existsSync(`${folder}/${name}`),
  );
}
