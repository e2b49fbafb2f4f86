import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillIn, fillInFile, readEnvFile } from './env-file.js';

describe('fillIn', () => {
  it('appends what is missing', () => {
    expect(fillIn('LOG_LEVEL=debug\n', { REDIS_PASSWORD: 'secret' })).toBe(
      'LOG_LEVEL=debug\nREDIS_PASSWORD=secret\n',
    );
  });

  it('begins a line of its own when the last one has no end', () => {
    expect(fillIn('LOG_LEVEL=debug', { A: '1' })).toBe('LOG_LEVEL=debug\nA=1\n');
  });

  it('never changes what a person wrote', () => {
    const text = '# mine\nPOSTGRES_PASSWORD=mine\nexport POSTGRES_USER="me"\n';
    expect(fillIn(text, { POSTGRES_PASSWORD: 'other', POSTGRES_USER: 'other' })).toBe(text);
  });

  it('fills in a name that is there without a value, where it stands', () => {
    expect(fillIn('A=1\nPOSTGRES_PASSWORD=\nB=2\n', { POSTGRES_PASSWORD: 'x$&y' })).toBe(
      'A=1\nPOSTGRES_PASSWORD=x$&y\nB=2\n',
    );
    expect(fillIn('POSTGRES_PASSWORD=""\n', { POSTGRES_PASSWORD: 'x' })).toBe('POSTGRES_PASSWORD=x\n');
  });

  it('takes no commented line for a setting', () => {
    expect(fillIn('#A=1\n', { A: '2' })).toBe('#A=1\nA=2\n');
  });
});

describe('fillInFile', () => {
  let folder = '';
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'env-file-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes a file that only its owner reads', () => {
    const file = join(folder, '.env');
    fillInFile(file, { A: '1' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readEnvFile(file)).toEqual({ A: '1' });
  });

  it('leaves a file that lacks nothing untouched', () => {
    const file = join(folder, '.env');
    writeFileSync(file, 'A=1');
    fillInFile(file, { A: '2' });
    expect(readFileSync(file, 'utf8')).toBe('A=1');
  });

  it('reads a missing file as no settings, and an empty value as not set', () => {
    expect(readEnvFile(join(folder, 'none'))).toEqual({});
    writeFileSync(join(folder, '.env'), 'A=\nB=2\n');
    expect(readEnvFile(join(folder, '.env'))).toEqual({ B: '2' });
  });
});
