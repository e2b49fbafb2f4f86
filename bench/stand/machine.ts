/** What processes take of the machine, as Linux tells in /proc. */
import { readFileSync } from 'node:fs';

/** Memory that a process holds now, in bytes. */
export function memoryBytes(pid: number): number {
  return statusField(pid, 'VmRSS') * 1024;
}

/** The most that it ever held, in bytes. */
export function peakMemoryBytes(pid: number): number {
  return statusField(pid, 'VmHWM') * 1024;
}

/** @returns a function that tells the share of all cores that was busy since this call, from 0 to 1 */
export function meterCpu(): () => number {
  const before = cpuTicks();
  return () => {
    const after = cpuTicks();
    return (after.busy - before.busy) / (after.all - before.all);
  };
}

/** In kilobytes. */
function statusField(pid: number, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )?.[1];
  if (value === undefined) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(value);
}

function cpuTicks(): { busy: number; all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  // "cpu user nice system idle iowait …"
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, all: busy + idle + iowait };
}
