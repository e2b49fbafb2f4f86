import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { compilePayloadSchema } from '#common/payload/payload-schema.js';
import emailFrom, { emailHandler } from './email.handler.js';
import { JobFailure, payloadSchemaOf } from './handler.js';
import { handlerSettings } from './handler-settings.js';
import { OutputCapture } from './output-capture.js';

const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';
const servers: SMTPServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Received {
  readonly from: string;
  readonly to: string[];
  readonly user: string | undefined;
  readonly message: string;
}

/** A mail server that keeps what it is given. */
async function serve(options: SMTPServerOptions = {}): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    closeTimeout: 1,
    onData(stream, session: SMTPServerSession, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user,
          message: Buffer.concat(chunks).toString(),
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  servers.push(server);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return { url: `smtp://127.0.0.1:${(listening.address() as AddressInfo).port}`, received };
}

async function send(url: string, payload: object, attempt = 1): Promise<unknown> {
  const context = {
    jobId,
    attempt,
    signal: new AbortController().signal,
    killGraceMs: 0,
    output: new OutputCapture(10_000),
    parents: () => Promise.resolve([]),
    progress: () => undefined,
  };
  try {
    return await emailHandler(url, 'jobs@example.org').run(payload, context);
  } catch (error) {
    if (error instanceof JobFailure) return { ...error.error, ...error.options };
    throw error;
  }
}

const mail = { to: 'ann@example.com', subject: 'Report', text: 'All is well.\n.\nReally.' };
const headersOf = (message = '') => message.slice(0, message.indexOf('\r\n\r\n'));

test('a message reaches everybody it names, and those in bcc unseen', async () => {
  const { url, received } = await serve();
  const result = await send(url, {
    ...mail,
    to: ['Ann Müller <ann@example.com>', 'bob@example.com'],
    cc: 'cy@example.com',
    bcc: 'dee@example.com',
    replyTo: 'desk@example.org',
    html: '<p>All is well.</p>',
  });
  const everybody = ['ann@example.com', 'bob@example.com', 'cy@example.com', 'dee@example.com'];
  expect(result).toMatchObject({ accepted: everybody, rejected: [] });
  const [only] = received;
  expect(received).toHaveLength(1);
  expect(only).toMatchObject({ from: 'jobs@example.org', to: everybody });
  const headers = headersOf(only?.message);
  expect(headers).toMatch(/^To: =\?UTF-8\?.*<ann@example\.com>, bob@example\.com/m);
  expect(headers).toMatch(/^Reply-To: desk@example\.org/m);
  expect(headers).toMatch(/^Auto-Submitted: auto-generated/m);
  expect(only?.message).not.toContain('dee@example.com');
  expect(only?.message).toContain('\r\n.\r\nReally.');
  expect(only?.message).toContain('<p>All is well.</p>');
});

test('a message need not have a subject', async () => {
  const { url, received } = await serve();
  expect(await send(url, { to: mail.to, text: mail.text })).toMatchObject({ accepted: [mail.to] });
  expect(headersOf(received[0]?.message)).not.toMatch(/^Subject:/m);
});

test('every attempt of a job has the same Message-ID, so that a repetition is recognised', async () => {
  const { url, received } = await serve();
  const first = await send(url, mail, 1);
  await send(url, mail, 2);
  const ids = received.map(({ message }) => /^Message-ID: (.*)\r$/m.exec(message)?.[1]);
  expect(ids).toEqual([`<${jobId}@example.org>`, `<${jobId}@example.org>`]);
  expect(first).toMatchObject({ messageId: ids[0] });
});

test('nothing in a payload can begin a header, a recipient or a command of its own', async () => {
  const { url, received } = await serve();
  const evil = [
    { ...mail, subject: 'x\r\nBcc: eve@example.com' },
    { ...mail, subject: 'x\nBcc: eve@example.com' },
    { ...mail, to: 'ann@example.com\r\nBcc: eve@example.com' },
    { ...mail, to: 'ann@example.com, eve@example.com' },
    { ...mail, to: 'ann@example.com> RCPT TO:<eve@example.com' },
    { ...mail, to: 'Ann\r\nBcc: eve@example.com <ann@example.com>' },
    { ...mail, to: '"eve@example.com," <ann@example.com>' },
    { ...mail, from: 'a@example.org\r\nX: y' },
    { ...mail, replyTo: 'a@example.org\nX: y' },
    { ...mail, cc: ['ok@example.com', 'no\0pe@example.com'] },
    { ...mail, attachments: [{ path: '/etc/passwd' }] },
    { ...mail, text: { path: '/etc/passwd' } },
  ];
  const faults = compilePayloadSchema(payloadSchemaOf(emailHandler(url, 'jobs@example.org')));
  expect(faults(mail)).toEqual([]);
  for (const payload of evil) {
    expect([payload, faults(payload)]).not.toEqual([payload, []]);
    await expect(send(url, payload)).rejects.toThrow(z.ZodError);
  }
  expect(received).toHaveLength(0);
});

test('what the server refuses for good is not tried again, what it refuses for now is', async () => {
  const refusing = (responseCode: number) =>
    serve({
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error('no such box'), { responseCode })),
    });
  expect(await send((await refusing(550)).url, mail)).toMatchObject({
    name: 'EmailNotSent',
    final: true,
    details: { responseCode: 550 },
  });
  expect(await send((await refusing(451)).url, mail)).toMatchObject({ name: 'EmailNotSent', final: false });
  expect(await send('smtp://127.0.0.1:9', mail)).toMatchObject({
    final: false,
    details: { code: 'ESOCKET', responseCode: null },
  });
});

test('of several recipients, those that the server refused are named', async () => {
  const { url, received } = await serve({
    onRcptTo: ({ address }, _session, done) =>
      address.startsWith('no') ? done(Object.assign(new Error('no'), { responseCode: 550 })) : done(),
  });
  expect(await send(url, { ...mail, to: ['no@example.com', 'yes@example.com'] })).toMatchObject({
    accepted: ['yes@example.com'],
    rejected: ['no@example.com'],
  });
  expect(received[0]?.to).toEqual(['yes@example.com']);
});

test('it signs in with what the URL says; a wrong password is told without it, and may be mended', async () => {
  const { url, received } = await serve({
    authOptional: false,
    onAuth: ({ username, password }, _session, done) =>
      password === 'right word' ? done(null, { user: username ?? '' }) : done(new Error('wrong')),
  });
  const withPassword = (password: string) => url.replace('//', `//jobs:${encodeURIComponent(password)}@`);
  expect(await send(withPassword('right word'), mail)).toMatchObject({ rejected: [] });
  expect(received[0]?.user).toBe('jobs');
  const failure = await send(withPassword('wrong word'), mail);
  expect(failure).toMatchObject({ name: 'EmailNotSent', final: false, details: { code: 'EAUTH' } });
  expect(JSON.stringify(failure)).not.toContain('wrong word');
});

test('the type exists only where there is a mail server', () => {
  expect(emailFrom(handlerSettings.parse({}))).toBeUndefined();
  expect(emailFrom(handlerSettings.parse({ EXECUTOR_SMTP_URL: 'smtp://mail.test' }))?.type).toBe('email');
});
