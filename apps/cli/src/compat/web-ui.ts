/**
 * `triumvir-webui`: a page on which people pick a server, enter a command, and see what became of it. Whoever can use it
 * can run commands, so pages of other sites must not be able to use somebody's browser for that.
 */
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { apiKeyOf } from '../api-key.js';
import { describeError } from '../describe-error.js';
import { ExitCode, exitCodeOf, UsageError } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { parseFlags } from './flags.js';
import { JobService } from './job-service.js';
import { addresses } from './server-choice.js';
import { page } from './web-page.js';

const HELP = `Usage: triumvir-webui [flags]

  -addr=HOST:PORT  where the page is (WEBUI_ADDR; default :8080, which is port 8080 of this machine alone).
                   Beyond loopback, whoever reaches it can run commands.
  -servers=LIST    host:port,… to choose from (SERVERS; default localhost:50051)
`;

const FLAGS = { addr: 'text', servers: 'text', help: 'switch', h: 'switch' } as const;
const MAX_FORM_BYTES = 256 * 1024;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** Serves the page until `signal` aborts. Never throws: what goes wrong is written to stderr and told by the exit code. */
export async function runWebUi(
  args: readonly string[],
  { stdout, stderr, env }: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  try {
    const flags = parseFlags(args, FLAGS);
    if (flags.help === true || flags.h === true) {
      stdout.write(HELP);
      return ExitCode.ok;
    }
    const { host, port } = listenAddress(flags.addr ?? (env['WEBUI_ADDR'] || ':8080'));
    const servers = addresses('servers', flags.servers ?? (env['SERVERS'] || 'localhost:50051'));
    const ui = new WebUi(servers, apiKeyOf(undefined, env), LOOPBACK.test(host) || host === '::1');
    const server = createServer((request, response) => {
      ui.answer(request, response).catch(() => {
        // A request target that is none, or a client that hung up.
        if (response.headersSent) response.destroy();
        else refuse(response, 400, 'The request cannot be understood.');
      });
    });
    server.listen(port, host);
    // Throws when the port cannot be had.
    await once(server, 'listening');
    stdout.write(`The page is at http://${urlHost(host)}:${(server.address() as AddressInfo).port}\n`);
    if (!signal.aborted) await once(signal, 'abort');
    server.close();
    server.closeAllConnections();
    ui.close();
    return ExitCode.ok;
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    stderr.write(
      inUse ? 'error: the port is in use; -addr or WEBUI_ADDR names another\n' : describeError(error),
    );
    return exitCodeOf(error);
  }
}

/** `:8080`, `8080` or `host:8080`. Without a host it is loopback: all addresses have to be asked for. */
export function listenAddress(address: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(?:(\[[\da-fA-F:]+\]|[^\s:]*):)?(\d{1,5})$/.exec(address) ?? [];
  if (port === '' || Number(port) > 65_535)
    throw new UsageError(`-addr: ${address} must be :port or host:port`);
  return { host: host === '' ? '127.0.0.1' : host.replaceAll(/[[\]]/g, ''), port: Number(port) };
}

class WebUi {
  readonly #token = randomBytes(24).toString('base64url');
  readonly #clients: ReadonlyMap<string, JobService>;

  constructor(
    private readonly servers: readonly string[],
    apiKey: string | undefined,
    /** Answers to the names of loopback only: a page of another site can give its own name the address 127.0.0.1. */
    private readonly loopbackOnly: boolean,
  ) {
    this.#clients = new Map(servers.map((server) => [server, new JobService(server, apiKey)]));
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host = '' } = request.headers;
    const url = new URL(request.url ?? '/', 'http://page');
    if (this.loopbackOnly && !LOOPBACK.test(host.replace(/:\d*$/, '')))
      refuse(response, 403, 'Not by this name.');
    else if (url.pathname === '/health/ready') response.writeHead(200).end('ok\n');
    else if (url.pathname !== '/') refuse(response, 404, 'There is only one page.');
    else if (request.method === 'POST') await this.#submit(request, response);
    else if (request.method === 'GET') await this.#show(url.searchParams, response);
    else refuse(response, 405, 'GET and POST only.');
  }

  async #show(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const id = query.get('job');
    if (id === null) return this.#page(response, 200, query, {});
    try {
      return this.#page(response, 200, query, { job: await this.#client(query, 'status_server').status(id) });
    } catch (error) {
      return this.#page(response, 502, query, { error: reasonOf(error) });
    }
  }

  async #submit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (Number(request.headers['content-length'] ?? Infinity) > MAX_FORM_BYTES)
      return refuse(response, 413, `A form may have ${MAX_FORM_BYTES} bytes at most.`);
    const form = new URLSearchParams(await text(request));
    if (!this.#isOurs(form.get('token') ?? ''))
      return refuse(
        response,
        403,
        'The form is not of this page, or of an earlier run of it: load the page again.',
      );
    try {
      const job = await this.#client(form, 'submit_server').submit(form.get('command') ?? '', randomUUID());
      const { submit, status } = this.#chosen(form);
      const query = new URLSearchParams({ submit_server: submit, status_server: status, job });
      response.writeHead(303, { location: `/?${query.toString()}` }).end();
    } catch (error) {
      this.#page(response, 502, form, { error: reasonOf(error) });
    }
  }

  #page(
    response: ServerResponse,
    code: number,
    given: URLSearchParams,
    rest: { job?: Awaited<ReturnType<JobService['status']>>; error?: string },
  ): void {
    const { submit: submitServer, status: statusServer } = this.#chosen(given);
    const command = given.get('command') ?? '';
    const { servers } = this;
    response
      .writeHead(code, HEADERS)
      .end(page({ servers, submitServer, statusServer, command, token: this.#token, ...rest }));
  }

  /** By default the first server takes jobs and the second one is asked. */
  #chosen(given: URLSearchParams): { submit: string; status: string } {
    const [first = '', second = first] = this.servers;
    return { submit: given.get('submit_server') ?? first, status: given.get('status_server') ?? second };
  }

  /** Only servers of the list: the page is no way to reach other ones. */
  #client(given: URLSearchParams, field: 'submit_server' | 'status_server'): JobService {
    const { submit, status } = this.#chosen(given);
    const client = this.#clients.get(field === 'submit_server' ? submit : status);
    if (client === undefined) throw new UsageError(`${field} must be one of ${this.servers.join(', ')}`);
    return client;
  }

  #isOurs(token: string): boolean {
    const [given, ours] = [Buffer.from(token), Buffer.from(this.#token)];
    return given.length === ours.length && timingSafeEqual(given, ours);
  }
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  response.writeHead(code, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${reason}\n`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
