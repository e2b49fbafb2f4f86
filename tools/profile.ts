/**
 * Everything that one make target keeps, in one git-ignored folder: `.triumvir/start`, `.triumvir/test` or
 * `.triumvir/dev-test`. Profiles share nothing, so tests never touch what `make start` runs.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.js';
import { ProcessRegistry } from './process-registry.js';

export type ProfileName = 'start' | 'test' | 'dev-test';

export class Profile {
  readonly folder: string;
  readonly registry: ProcessRegistry;

  constructor(readonly name: ProfileName) {
    this.folder = join(ROOT, '.triumvir', name);
    this.registry = new ProcessRegistry(join(this.folder, 'run'));
  }

  prepare(): void {
    for (const part of ['data', 'logs', 'run']) mkdirSync(join(this.folder, part), { recursive: true });
  }

  /** Forgets everything, data included. Only when nothing of it runs. */
  empty(): void {
    rmSync(this.folder, { recursive: true, force: true });
    this.prepare();
  }

  /** Beside the folder, so that it survives when that is emptied. */
  get lockFile(): string {
    return `${this.folder}.lock`;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  logFile(name: string): string {
    return this.path('logs', `${name}.log`);
  }
}
