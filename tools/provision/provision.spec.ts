import { describe, expect, it } from 'vitest';
import { findAccount } from '../servers/unprivileged.js';
import { newestFirst, parseVersion } from '../servers/postgres-binaries.js';
import { pathFolders } from '../servers/find-program.js';
import { advice } from './advice.js';
import { aptCommands } from './apt.js';
import { givenSettings, placeOf, redisAddress } from './given.js';

describe('servers that settings point to', () => {
  it('are those with an address, and a password is none', () => {
    expect(givenSettings('redis', { REDIS_PASSWORD: 'x' })).toBeUndefined();
    expect(givenSettings('redis', { REDIS_PORT: '1234', REDIS_PASSWORD: 'x', OTHER: 'y' })).toEqual({
      REDIS_PORT: '1234',
      REDIS_PASSWORD: 'x',
    });
    expect(givenSettings('zookeeper', { DATABASE_URL: 'postgresql://db' })).toBeUndefined();
  });

  it('are read like the services read them: the URL, then REDIS_ADDR, then host and port', () => {
    const rest = { REDIS_ADDR: 'b:2', REDIS_HOST: 'c', REDIS_PORT: '3' };
    const all = { ...rest, REDIS_URL: 'rediss://u:p%40@a:1' };
    expect(redisAddress(all)).toEqual({ host: 'a', port: 1, username: 'u', password: 'p@', tls: true });
    expect(redisAddress(rest)).toMatchObject({ host: 'b', port: 2 });
    expect(redisAddress({ REDIS_HOST: 'c' })).toMatchObject({ host: 'c', port: 6379 });
  });

  it('are shown without their password', () => {
    expect(placeOf('postgres', { DATABASE_URL: 'postgresql://me:secret@db/jobs' })).toBe('db:5432/jobs');
  });
});

describe('programs of this machine', () => {
  it('are taken in their newest version', () => {
    expect(newestFirst(['9.6', '15', '17', '16'])).toEqual(['17', '16', '15', '9.6']);
  });

  it('tell their version', () => {
    expect(parseVersion('postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)')).toBe('15.18');
    expect(parseVersion('something else')).toBeUndefined();
  });

  it('are looked for on the PATH first', () => {
    expect(pathFolders('/a:/usr/bin::/b').slice(0, 3)).toEqual(['/a', '/usr/bin', '/b']);
  });

  it('run as the first account that exists', () => {
    const passwd =
      'root:x:0:0::/root:/bin/sh\npostgres:x:101:104::/var/lib:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n';
    expect(findAccount(passwd, ['postgres', 'nobody'])).toEqual({ uid: 101, gid: 104 });
    expect(findAccount(passwd, ['_postgres', 'nobody'])).toEqual({ uid: 65534, gid: 65534 });
    expect(findAccount(passwd, ['other'])).toBeUndefined();
  });
});

describe('packages', () => {
  it('are fetched and installed without what is merely recommended, and only for servers that are missing', () => {
    const [update, install] = aptCommands(['redis', 'zookeeper']);
    expect(update?.at(-1)).toBe('update');
    expect(install?.join(' ')).toMatch(
      /--no-install-recommends install redis-server zookeeper default-jre-headless$/,
    );
  });
});

describe('advice', () => {
  it('gives the exact commands for Debian, macOS and Docker', () => {
    const text = advice(['postgres', 'zookeeper'], ['apt-get failed']);
    expect(text).toContain(
      'apt-get install --no-install-recommends postgresql zookeeper default-jre-headless',
    );
    expect(text).toContain('brew install postgresql@17 zookeeper openjdk');
    expect(text).toContain('Docker engine');
    expect(text).toContain('apt-get failed');
  });
});
