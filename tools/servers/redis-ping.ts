/** Asks a Redis whether it serves, and whether it wants a password, before anything depends on it. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: boolean | undefined;
}

/**
 * Resolves with Redis' own words: `PONG`, or what it objects to, such as `NOAUTH Authentication required.`
 * @throws Error when nothing answers there within `withinMs`.
 */
export function pingRedis(address: RedisAddress, withinMs = 3000): Promise<string> {
  const { host, port, username, password, tls } = address;
  return new Promise((resolve, reject) => {
    const socket = tls === true ? connectTls({ host, port, servername: host }) : connect({ host, port });
    const settle = (action: () => void) => {
      socket.destroy();
      action();
    };
    const login =
      password === undefined ? [] : [['AUTH', ...(username === undefined ? [] : [username]), password]];
    const commands = [...login, ['PING']];
    let received = '';
    socket.setTimeout(withinMs, () => settle(() => reject(new Error(`no answer within ${withinMs} ms`))));
    socket.once('error', (error) => settle(() => reject(error)));
    socket.once('close', () => reject(new Error('it closed the connection')));
    socket.on('data', (chunk) => {
      received += chunk.toString('utf8');
      const replies = received.split('\r\n').slice(0, -1);
      const objection = replies.find((reply) => reply.startsWith('-'));
      if (objection !== undefined) settle(() => resolve(objection.slice(1)));
      else if (replies.length === commands.length) settle(() => resolve((replies.at(-1) ?? '').slice(1)));
    });
    socket.write(commands.map(encode).join(''));
  });
}

/** Redis' wire form of a command: an array of strings, each with its length in bytes. */
function encode(words: readonly string[]): string {
  const strings = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${strings.join('')}`;
}
