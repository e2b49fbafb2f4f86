import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolder, takeLock } from './lock.js';

describe('takeLock', () => {
  let folder = '';
  let file = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'));
    file = join(folder, 'start.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is taken once, until it is released', () => {
    const first = takeLock(file);
    expect(takeLock(file)).toEqual({ holder: expect.objectContaining({ pid: process.pid }) });
    if ('release' in first) first.release();
    expect(takeLock(file)).toHaveProperty('release');
  });

  it('is not held by a process that is gone', () => {
    writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt: 'before the last boot' }));
    expect(lockHolder(file)).toBeUndefined();
    expect(takeLock(file)).toHaveProperty('release');
  });

  it('is not held by a file that was cut off', () => {
    writeFileSync(file, '{"pid": 1');
    expect(takeLock(file)).toHaveProperty('release');
  });
});
