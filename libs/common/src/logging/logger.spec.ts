import { Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import winston from 'winston';
import { createLogger, redact, type LogFormat } from './logger.js';

/** A logger whose lines are kept instead of printed. */
function listen(format: LogFormat) {
  const lines: string[] = [];
  const log = createLogger({ service: 'store-service', instance: 'store-1', level: 'debug', format });
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  log.clear().add(new winston.transports.Stream({ stream }));
  return { log, lines, line: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

const SECRET = 'hunter2';

test('a line says who speaks, when, and what; its facts are fields', () => {
  const { log, line } = listen('json');
  log.info('job finished', { jobId: 'j1', attempt: 2 });
  expect(line()).toMatchObject({
    level: 'info',
    message: 'job finished',
    service: 'store-service',
    instance: 'store-1',
    jobId: 'j1',
    attempt: 2,
  });
  expect(line()['timestamp']).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test.each([
  `postgresql://triumvir:${SECRET}@db:5432/triumvir`,
  `redis://:${SECRET}@cache:6379/0`,
  `two: amqp://a:${SECRET}@x and http://b:${SECRET}@y`,
  `(postgres://u:${SECRET}%40!$&'()*+,;=@h/db)`,
  `postgres://u:p@${SECRET}@h/db`,
])('the password in %j never reaches a line, wherever it stands', (text) => {
  for (const format of ['json', 'pretty'] as const) {
    const { log, lines } = listen(format);
    log.info(text);
    log.info('field', { url: text, list: [text], deep: { a: { b: { c: text } } } });
    log.error('error', { error: new Error(text, { cause: new Error(text) }) });
    log.child({ url: text }).warn('child');
    expect(lines).toHaveLength(4);
    expect(lines.join('')).not.toContain(SECRET);
    expect(lines.join('')).toContain('***');
  }
});

test.each([
  'password',
  'REDIS_PASSWORD',
  'clientSecret',
  'token',
  'accessToken',
  'Authorization',
  'apiKey',
  'api-key',
])('the value of a field named %s never reaches a line, however deep it lies', (name) => {
  const { log, lines } = listen('json');
  let deep: unknown = { [name]: SECRET };
  for (let depth = 0; depth < 8; depth += 1) {
    log.info('nested', { deep });
    deep = depth % 2 === 0 ? { deep } : [deep];
  }
  log.info('top', { [name]: SECRET });
  log.info('not a text', { [name]: [SECRET, { a: SECRET }] });
  expect(lines.join('')).not.toContain(SECRET);
});

test('a URL without a password, and everything else, stays as it was', () => {
  const untouched = {
    url: 'http://127.0.0.1:3000/api/v1/jobs?cursor=a@b',
    mail: 'someone@example.org',
    time: '12:30',
    n: 1,
    yes: true,
    nothing: null,
  };
  expect(redact(untouched)).toEqual(untouched);
});

test('an error keeps its name, message, code, stack and causes', () => {
  const { log, line } = listen('json');
  const cause = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' });
  log.warn('failed', { error: new TypeError('no luck', { cause }) });
  expect(line()['error']).toMatchObject({
    name: 'TypeError',
    message: 'no luck',
    stack: expect.stringContaining('logger.spec') as string,
    cause: { name: 'Error', message: 'connect refused', code: 'ECONNREFUSED' },
  });
});

test('what JSON cannot hold does not stop a line: big integers, cycles, errors that cause themselves', () => {
  for (const format of ['json', 'pretty'] as const) {
    const { log, lines } = listen(format);
    const circle: Record<string, unknown> = { name: 'circle' };
    circle['self'] = circle;
    const error = new Error('ouroboros');
    error.cause = error;
    log.info('odd', { epoch: 7n, circle, missing: undefined });
    log.info('cause', { error });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('7');
  }
});

test('a line for people has the time, the level and the facts, in one line', () => {
  const { log, lines } = listen('pretty');
  log.info('job finished', { jobId: 'j1', text: 'a\nb' });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.trim().split('\n')).toHaveLength(1);
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} .*info.* \[store-service\] job finished jobId="j1"/);
});

test('a long text is looked through in no time', () => {
  const startedAt = performance.now();
  redact('a'.repeat(300_000));
  redact('://'.repeat(100_000));
  redact('://a:'.repeat(60_000));
  redact(`://${'a:'.repeat(150_000)}`);
  expect(performance.now() - startedAt).toBeLessThan(1000);
});

test('redact never changes what it is given, and has no trouble with any JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const before = JSON.stringify(value);
      redact(value);
      expect(JSON.stringify(value)).toBe(before);
    }),
  );
});

test('whatever the user, host and password of a URL, the password is gone', () => {
  const word = fc.stringMatching(/^[a-z0-9._~%!$&'()*+,;=-]{1,20}$/);
  fc.assert(
    fc.property(word, word, word, (user, password, host) => {
      const marked = `XX${password}XX`;
      expect(redact(`at postgresql://${user}:${marked}@${host}/db now`)).not.toContain(marked);
    }),
  );
});
