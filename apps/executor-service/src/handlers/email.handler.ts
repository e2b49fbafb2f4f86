/**
 * `email`: hands a message to the mail server of EXECUTOR_SMTP_URL. Its Message-ID is made of the job's id, so whoever gets
 * it twice can tell that it is the same one.
 */
import { createTransport, type Transporter } from 'nodemailer';
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js';
import { z } from 'zod';
import { defineHandler, JobFailure, type Handler } from './handler.js';
import type { HandlerSettings } from './handler-settings.js';

/** How long the server may be silent, in milliseconds. */
const SILENCE_MS = 30_000;
const MAX_RECIPIENTS = 100;

/** What stands in a header must not be able to begin another one. */
const oneLine = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\r\n\0]*$/, 'must be one line');

/** `a@b.example` or `Name <a@b.example>`: exactly one, so that nobody is added on the quiet. */
const ADDRESS = String.raw`[^\s\p{Cc}<>@,;:"\\]{1,64}@[^\s\p{Cc}<>@,;:"\\]{1,255}`;
const NAME = String.raw`[^\p{Cc}<>@,;:"\\]{0,100}`;
const MAILBOX = new RegExp(`^(?:(${NAME})<(${ADDRESS})>|(${ADDRESS}))$`, 'u');
const mailbox = z.string().max(500).regex(MAILBOX, 'must be one address, a@b.example or Name <a@b.example>');
const mailboxes = z.union([mailbox, z.array(mailbox).min(1).max(MAX_RECIPIENTS)]);

const payload = z
  .strictObject({
    to: mailboxes.describe('One address, or several: a@b.example or Name <a@b.example>.'),
    cc: mailboxes.optional(),
    bcc: mailboxes.optional().describe('Recipients that the others do not see.'),
    from: mailbox.optional().describe('The sender; EXECUTOR_SMTP_FROM unless given.'),
    replyTo: mailbox.optional(),
    subject: oneLine(998).optional(),
    text: z.string().max(1_000_000).optional().describe('The message as plain text.'),
    html: z.string().max(1_000_000).optional().describe('The message as HTML; with both, readers choose.'),
  })
  .refine(({ text, html }) => text !== undefined || html !== undefined, {
    path: ['text'],
    message: 'is required, unless there is html',
  });

export default ({
  EXECUTOR_SMTP_URL: url,
  EXECUTOR_SMTP_FROM: from,
}: HandlerSettings): Handler | undefined => (url === undefined ? undefined : emailHandler(url, from));

/** @param url of the mail server @param defaultFrom sender of jobs that name none */
export function emailHandler(url: string, defaultFrom: string): Handler {
  const transport = connectingTo(url);
  return defineHandler({
    type: 'email',
    payload,
    run: async (
      { to, cc, bcc, from = defaultFrom, replyTo, subject, text, html },
      { jobId, signal, output },
    ) => {
      signal.throwIfAborted();
      const sender = parsed(from);
      try {
        const { messageId, accepted, rejected, response } = await transport.sendMail({
          messageId: `<${jobId}@${sender.address.replace(/^.*@/, '')}>`,
          from: sender,
          to: list(to),
          cc: list(cc),
          bcc: list(bcc),
          ...(replyTo === undefined ? {} : { replyTo: parsed(replyTo) }),
          ...(subject === undefined ? {} : { subject }),
          ...(text === undefined ? {} : { text }),
          ...(html === undefined ? {} : { html }),
          // So that nobody's absence note answers a program.
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        output.out(`${response}\n`);
        return { messageId, accepted: accepted.map(addressOf), rejected: rejected.map(addressOf), response };
      } catch (error) {
        throw failure(error);
      }
    },
  });
}

function connectingTo(url: string): Transporter<SMTPTransport.SentMessageInfo> {
  const { protocol, username, hostname } = new URL(url);
  const isLocal = /^(localhost|127\..*|\[::1\])$/.test(hostname);
  return createTransport({
    url,
    // A password does not go through a network in the clear.
    requireTLS: protocol === 'smtp:' && username !== '' && !isLocal,
    connectionTimeout: SILENCE_MS,
    greetingTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
    // A message is what the job says, never a file or an address that this machine can read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** As the mail library takes it without reading anything into it. */
function parsed(mailbox: string): { name: string; address: string } {
  const [, name = '', named, plain] = MAILBOX.exec(mailbox) ?? [];
  return { name: name.trim(), address: named ?? plain ?? '' };
}

function list(mailboxes: string | readonly string[] | undefined): { name: string; address: string }[] {
  if (mailboxes === undefined) return [];
  return (typeof mailboxes === 'string' ? [mailboxes] : mailboxes).map(parsed);
}

function addressOf(recipient: string | { address: string }): string {
  return typeof recipient === 'string' ? recipient : recipient.address;
}

/** An answer of 5xx to the message or its recipients is for good; what the server says of our credentials may be mended. */
function failure(error: unknown): JobFailure {
  const { code, responseCode, message } = error as Error & { code?: string; responseCode?: number };
  const final = code !== 'EAUTH' && responseCode !== undefined && responseCode >= 500;
  return new JobFailure(
    {
      name: 'EmailNotSent',
      message,
      details: { code: code ?? null, responseCode: responseCode ?? null },
    },
    { final },
  );
}
