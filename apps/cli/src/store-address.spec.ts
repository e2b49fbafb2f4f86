import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from './program.js';
import { storeAddressOf } from './store-address.js';

const KEY = 'tv_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const OTHER_KEY = 'tv_otherotherotherotherotherotherother';

let folder: string;
let keyFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triumvir-config-'));
  keyFile = join(folder, 'key');
  writeFileSync(keyFile, `${KEY}\n`);
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, 'triumvir', 'config.json');

async function triumvir(args: readonly string[], env: Record<string, string> = {}) {
  const written = { stdout: '', stderr: '' };
  const screen = (name: 'stdout' | 'stderr') => ({
    isTTY: false,
    write: (text: string) => (written[name] += text),
  });
  const terminal = {
    stdout: screen('stdout'),
    stderr: screen('stderr'),
    env: { XDG_CONFIG_HOME: folder, ...env },
  };
  return { code: await run(args, terminal, new AbortController().signal), ...written };
}

async function saveProd(...more: readonly string[]): Promise<void> {
  const args = [
    'config',
    'set-profile',
    'prod',
    '--url',
    'https://prod/',
    '--api-key-file',
    keyFile,
    ...more,
  ];
  expect(await triumvir(args)).toMatchObject({ code: 0, stderr: '' });
}

describe('triumvir config', () => {
  it('keeps profiles in a file for its owner alone, also where others could read it before', async () => {
    mkdirSync(join(folder, 'triumvir'));
    writeFileSync(file(), '{"profiles":{}}');
    chmodSync(file(), 0o644);
    await saveProd('--use');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
      current: 'prod',
      profiles: { prod: { url: 'https://prod/', apiKey: KEY } },
    });
  });

  it('never prints a key whole', async () => {
    await saveProd('--use');
    for (const args of [
      ['list'],
      ['list', '-o', 'json'],
      ['show', 'prod'],
      ['show'],
      ['show', '-o', 'json'],
    ]) {
      const { stdout, stderr } = await triumvir(['config', ...args]);
      expect(stdout).toContain('tv_01234…');
      expect(stdout + stderr).not.toContain(KEY.slice(0, 12));
    }
  });

  it('changes what is given and keeps the rest, but takes no key to another store', async () => {
    await saveProd();
    await triumvir(['config', 'set-profile', 'prod', '--url', 'https://prod/below']);
    expect((await triumvir(['config', 'show', 'prod', '-o', 'json'])).stdout).toContain('tv_01234…');
    await triumvir(['config', 'set-profile', 'prod', '--url', 'https://elsewhere/']);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
      profiles: { prod: { url: 'https://elsewhere/' } },
    });
  });

  it('uses, lists and removes profiles', async () => {
    await saveProd();
    await triumvir(['config', 'set-profile', 'dev', '--url', 'http://dev:3000']);
    expect((await triumvir(['config', 'use', 'dev'])).stdout).toBe('using dev: http://dev:3000/\n');
    const list = JSON.parse((await triumvir(['config', 'list', '-o', 'json'])).stdout) as unknown;
    expect(list).toEqual([
      { name: 'prod', url: 'https://prod/', apiKey: 'tv_01234…', current: false },
      { name: 'dev', url: 'http://dev:3000/', apiKey: '-', current: true },
    ]);
    await triumvir(['config', 'remove', 'dev']);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ profiles: { prod: {} } });
    expect(readFileSync(file(), 'utf8')).not.toContain('current');
  });

  it.each([
    [['set-profile', '__proto__', '--url', 'http://a'], 'must be 1 to 64 letters'],
    [['set-profile', 'new'], '--url says which store'],
    [['set-profile', 'new', '--url', 'ftp://a'], 'must be an http:// or https:// URL'],
    [['use', 'constructor'], 'there is no profile constructor; there are none yet'],
    [['remove', 'none'], 'there is no profile none'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await triumvir(['config', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('says where the file is when it cannot be read, and repeats nothing of it', async () => {
    mkdirSync(join(folder, 'triumvir'));
    for (const text of [`{"apiKey": "${KEY}"`, `{"profiles":{"a":{"url":"${KEY}"}}}`]) {
      writeFileSync(file(), text);
      const { code, stderr } = await triumvir(['list']);
      expect(code).toBe(2);
      expect(stderr).toContain(file());
      expect(stderr).not.toContain(KEY);
    }
  });
});

describe('the store that is meant', () => {
  const at = (flags: Parameters<typeof storeAddressOf>[0], env: Record<string, string> = {}) => {
    const { url, apiKey } = storeAddressOf(flags, { XDG_CONFIG_HOME: folder, ...env });
    return [url.value.href, url.from, apiKey?.value, apiKey?.from];
  };
  const URL_VARIABLE = { STORE_SERVICE_URL: 'http://variable/' };
  const KEY_VARIABLE = { TRIUMVIR_API_KEY: OTHER_KEY };

  it('is that of the flag, else of the environment, else of the profile, else the one here', async () => {
    expect(at({})).toEqual(['http://localhost:3000/', 'default', undefined, undefined]);
    await saveProd('--use');
    expect(at({})).toEqual(['https://prod/', 'profile prod', KEY, 'profile prod']);
    expect(at({}, URL_VARIABLE).slice(0, 2)).toEqual(['http://variable/', 'STORE_SERVICE_URL']);
    expect(at({ url: new URL('http://flag/') }, URL_VARIABLE).slice(0, 2)).toEqual(['http://flag/', '--url']);
    expect(at({}, KEY_VARIABLE).slice(2)).toEqual([OTHER_KEY, 'TRIUMVIR_API_KEY']);
    expect(at({ apiKeyFile: keyFile }, KEY_VARIABLE)[2]).toBe(KEY);
  });

  it('is that of a profile which is named, by a flag before anything in the environment', async () => {
    await saveProd();
    expect(at({}, { TRIUMVIR_PROFILE: 'prod' })[0]).toBe('https://prod/');
    expect(at({}, { TRIUMVIR_PROFILE: 'prod', ...URL_VARIABLE })[0]).toBe('http://variable/');
    expect(at({ profile: 'prod' }, { ...URL_VARIABLE, ...KEY_VARIABLE })).toEqual([
      'https://prod/',
      'profile prod',
      KEY,
      'profile prod',
    ]);
    expect(() => at({ profile: 'dev' })).toThrow('there is no profile dev; there are prod');
  });

  it('is never sent the key of another store', async () => {
    await saveProd('--use');
    expect(at({ url: new URL('http://flag/') })[2]).toBeUndefined();
    expect(at({}, URL_VARIABLE)[2]).toBeUndefined();
    expect(at({ url: new URL('https://prod/below') })[2]).toBe(KEY);
  });
});
