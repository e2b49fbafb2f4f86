/**
 * Postgres refuses to run as root, so root starts it as the user `postgres`. That user must reach the data folder, which
 * may lie below folders that only root can enter (a clone in /root, or in a fresh `mktemp -d`): then it gets one
 * capability, to pass through folders whatever their permissions, and nothing else.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PlainError } from '../screen.js';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How to start a program as an account: what goes before the command, or the ids to spawn it with. */
export interface RunAs {
  readonly prefix: readonly string[];
  readonly ids: Partial<Account>;
}

const AS_MYSELF: RunAs = { prefix: [], ids: {} };

/** Enough to pass through folders; the second is what containers usually have instead of the first. */
const CAPABILITIES = ['dac_read_search', 'dac_override'];

/** The account for Postgres: undefined unless this process is root. */
export function postgresAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8');
  const account = findAccount(users, ['postgres', '_postgres', 'nobody']);
  if (account === undefined) {
    throw new PlainError(
      'Postgres cannot run as root and there is no user "postgres": run make as an ordinary user.',
    );
  }
  return account;
}

/** Looks up the first of `names` that exists in the text of /etc/passwd. */
export function findAccount(passwd: string, names: readonly string[]): Account | undefined {
  const lines = passwd.split('\n').map((line) => line.split(':'));
  for (const wanted of names) {
    const [, , uid, gid] = lines.find(([name]) => name === wanted) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/**
 * The way to start programs as `account` that lets them use `folder`, which belongs to it.
 * @throws PlainError when there is none on this machine.
 */
export function runAs(account: Account | undefined, folder: string): RunAs {
  if (account === undefined) return AS_MYSELF;
  const direct: RunAs = { prefix: [], ids: account };
  const ways = [direct, ...CAPABILITIES.map((capability) => withCapability(account, capability))];
  const way = ways.find((candidate) => canReach(candidate, folder));
  if (way !== undefined) return way;
  throw new PlainError(
    `Postgres runs as user ${account.uid}, not as root, and that user cannot reach ${folder}.\n` +
      'Clone the project into a folder that every user can enter, or run make as an ordinary user.',
  );
}

function withCapability({ uid, gid }: Account, capability: string): RunAs {
  const caps = `+${capability}`;
  const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return { prefix: ['setpriv', ...ids, '--inh-caps', caps, '--ambient-caps', caps, '--'], ids: {} };
}

/**
 * Tries it instead of reasoning about permissions: access lists and mounts have their say too. Not with `test -w`, which
 * asks what the user may do without the capability.
 */
function canReach({ prefix, ids }: RunAs, folder: string): boolean {
  const [command, ...args] = [...prefix, 'ls', folder];
  return spawnSync(command, args, { ...ids, cwd: '/', stdio: 'ignore' }).status === 0;
}
