/** Settings of the handlers that come with the executor. */
import { isIP } from 'node:net';
import { z } from 'zod';

/** Ranges of addresses as CIDR; a single address is a range of one. */
const networks = z
  .string()
  .default('')
  .transform((text) => text.split(',').map((part) => part.trim()))
  .transform((parts) => parts.filter((part) => part !== ''))
  .pipe(z.array(z.string().refine(isNetwork, 'must be networks such as 10.1.0.0/16, with commas between')));

export const handlerSettings = z.object({
  EXECUTOR_HTTP_ALLOW: networks.describe(
    'Networks that `http` jobs may reach although they are not public, such as 10.1.0.0/16,127.0.0.1; none unless set.',
  ),
  EXECUTOR_SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/\S+$/, 'must be an smtp:// or smtps:// URL')
    .optional()
    .describe(
      'Mail server for `email` jobs: smtp://user:password@host:587, or smtps:// for TLS from the start. Without it there are no such jobs.',
    ),
  EXECUTOR_SMTP_FROM: z
    .string()
    .regex(/^[^\s@<>]+@[^\s@<>]+$/, 'must be an e-mail address')
    .default('triumvir@localhost')
    .describe('Sender of e-mails whose job names none.'),
});

export type HandlerSettings = z.output<typeof handlerSettings>;

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
