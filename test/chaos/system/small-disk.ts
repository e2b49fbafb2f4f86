/** A disk that can be made full: a tmpfs of its own, where the machine allows to mount one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync } from 'node:fs';

const SIZE_MB = 512;
/** What is left free when the disk is full, in KB: a page or so. */
const LEFT_KB = 16;

export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** Undefined where mounting is not allowed. */
  static mount(folder: string): SmallDisk | undefined {
    mkdirSync(folder, { recursive: true });
    const mounted = mount('-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tmpfs', folder);
    return mounted ? new SmallDisk(folder) : undefined;
  }

  /** Unmounts what an earlier run that was killed has left mounted below a folder. */
  static unmountAllBelow(folder: string): void {
    let mounts: string;
    try {
      mounts = readFileSync('/proc/mounts', 'utf8');
    } catch {
      return; // Not Linux: then nothing was mounted either.
    }
    for (const line of mounts.split('\n')) {
      const point = line.split(' ')[1];
      if (point?.startsWith(`${folder}/`)) spawnSync('umount', ['-l', point]);
    }
  }

  /** Shrinks the disk to what is on it. */
  fill(): void {
    const { blocks, bfree, bsize } = statfsSync(this.folder);
    const usedKb = Math.ceil(((blocks - bfree) * bsize) / 1024);
    if (!mount('-o', `remount,size=${usedKb + LEFT_KB}k`, this.folder)) {
      throw new Error(`cannot shrink the disk at ${this.folder}`);
    }
  }

  free(): void {
    mount('-o', `remount,size=${SIZE_MB}m`, this.folder);
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.folder]);
  }
}

function mount(...args: string[]): boolean {
  return spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
}
