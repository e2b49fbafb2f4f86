/**
 * Which process a remembered process id means. Ids are reused, so an id alone is no licence to kill: together with the
 * time when the process started it names one process for ever.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the words of this operating system; only good for comparison. */
  readonly startedAt: string;
}

interface ProcessStatus {
  readonly parent: number;
  readonly startedAt: string;
  /** Ended, but its parent has not asked for its exit code yet. Nothing runs. */
  readonly zombie: boolean;
}

/** The process that has this id now, or undefined when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const status = statusOf(pid);
  return status === undefined || status.zombie ? undefined : { pid, startedAt: status.startedAt };
}

/** True while the very process that was identified runs. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  return identify(pid)?.startedAt === startedAt;
}

/** Everything that this process started, and what that started, and so on. */
export function descendants(pid: number): ProcessIdentity[] {
  const children = new Map<number, number[]>();
  for (const [child, parent] of parents()) children.set(parent, [...(children.get(parent) ?? []), child]);
  const below = (id: number): number[] =>
    (children.get(id) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid).flatMap((id) => identify(id) ?? []);
}

/** Sends a signal to exactly that process; false when it is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

const linux = process.platform === 'linux';

function statusOf(pid: number): ProcessStatus | undefined {
  if (!linux) return parsePsLine(ps('-o', 'ppid=,state=,lstart=', '-p', String(pid)));
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, 'utf8'), bootId());
  } catch {
    return undefined; // No such process.
  }
}

/** Reads /proc/<pid>/stat: `pid (name, which may hold anything) state ppid … starttime`, starttime in ticks since the boot. */
export function parseProcStat(text: string, boot: string): ProcessStatus {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    parent: Number(fields[1]),
    startedAt: `${boot}/${fields[19]}`,
    zombie: fields[0] === 'Z' || fields[0] === 'X',
  };
}

/** Reads a line of `ps -o ppid=,state=,lstart=`. */
export function parsePsLine(line: string): ProcessStatus | undefined {
  const [, parent, state, startedAt] = /^\s*(\d+)\s+(\S+)\s+(\S.*?)\s*$/.exec(line) ?? [];
  if (state === undefined || startedAt === undefined) return undefined;
  return { parent: Number(parent), startedAt, zombie: state.startsWith('Z') };
}

function parents(): [child: number, parent: number][] {
  if (linux) {
    const ids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    return ids.flatMap((id) => {
      const parent = statusOf(id)?.parent;
      return parent === undefined ? [] : [[id, parent] satisfies [number, number]];
    });
  }
  const lines = ps('-axo', 'pid=,ppid=').trim().split('\n');
  return lines.map((line) => {
    const [child, parent] = line.trim().split(/\s+/);
    return [Number(child), Number(parent)];
  });
}

/** Ticks since the boot start again at the next one. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function ps(...args: string[]): string {
  return spawnSync('ps', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).stdout;
}
