/** What the doctor asks the store: whether it is there, whether it can work, and what it says of its servers. */
import { withDeadline } from '#client/deadline.js';
import { networkFault, NO_REDIRECTS, UnreachableError } from '#client/errors.js';
import { z } from 'zod';
import { fail, ok, warn, type Finding } from './finding.js';

const TIMEOUT_MS = 5_000;
/** The Date header has whole seconds, and an answer takes its time: less than this is no difference. */
const CLOCK_TOLERANCE_MS = 3_000;

const health = z.object({ status: z.string(), checks: z.record(z.string(), z.string()).optional() });

const ADVICE: Readonly<Record<string, string>> = {
  postgres: 'is Postgres up, DATABASE_URL of the store right, and the database migrated?',
  'job types': 'start an executor: `make start`, or `make run-worker`',
};

interface Heard {
  readonly status: number;
  readonly body: z.infer<typeof health> | undefined;
  /** What the Date header says; NaN without one. */
  readonly date: number;
  readonly tookMs: number;
  /** Half way between question and answer, by our clock. */
  readonly at: number;
}

/** @param from what says that this is the store */
export async function lookAtStore(url: URL, from: string, signal: AbortSignal): Promise<Finding[]> {
  try {
    const live = await ask(url, 'health/live', signal);
    if (live.body?.status !== 'ok') return [noStore(url, live)];
    const reached = ok('store', `${url.href} (${from}) is live, answered in ${Math.round(live.tookMs)} ms`);
    return [reached, ...readiness(await ask(url, 'health/ready', signal)), clockOf(live)];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UnreachableError)) throw error;
    const advice = `start it (\`make start\`), or say where it is with --url, STORE_SERVICE_URL or a profile; the address is from: ${from}`;
    return [fail('store', error.message, advice)];
  }
}

function ask(baseUrl: URL, path: string, signal: AbortSignal): Promise<Heard> {
  const url = new URL(`${baseUrl.pathname.replace(/\/$/, '')}/${path}`, baseUrl);
  const tooLate = () => new UnreachableError(baseUrl, `no answer within ${TIMEOUT_MS / 1000} s`);
  return withDeadline(signal, TIMEOUT_MS, tooLate, async (deadline) => {
    const began = Date.now();
    const clock = performance.now();
    try {
      const response = await fetch(url, { signal: deadline, redirect: NO_REDIRECTS });
      const tookMs = performance.now() - clock;
      return {
        status: response.status,
        body: healthIn(await response.text()),
        date: Date.parse(response.headers.get('date') ?? ''),
        tookMs,
        at: began + tookMs / 2,
      };
    } catch (error) {
      deadline.throwIfAborted();
      throw new UnreachableError(baseUrl, networkFault(error), { cause: error });
    }
  });
}

function healthIn(text: string): Heard['body'] {
  try {
    return health.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const noStore = (url: URL, { status }: Heard): Finding =>
  fail(
    'store',
    `what answers at ${url.href} is no store: HTTP ${status} at health/live`,
    'does the URL name a Triumvir store?',
  );

function readiness({ status, body }: Heard): Finding[] {
  if (body?.checks === undefined)
    return [fail('store: ready', `no report, but HTTP ${status}`, 'what stands before the store?')];
  return Object.entries(body.checks).map(([name, said]) =>
    said === 'ok'
      ? ok(`store: ${name}`, 'ok')
      : fail(`store: ${name}`, said, ADVICE[name] ?? "look into the store's log"),
  );
}

function clockOf({ date, at }: Heard): Finding {
  if (Number.isNaN(date)) return ok('store: clock', 'it does not tell its time');
  // The header leaves out the fraction of its second.
  return skew('store: clock', date + 500 - at, CLOCK_TOLERANCE_MS);
}

/** A clock beside ours. Postgres decides what is due, so that a difference misleads people rather than jobs. */
export function skew(check: string, aheadMs: number, toleranceMs: number): Finding {
  if (Math.abs(aheadMs) <= toleranceMs) return ok(check, 'agrees with ours');
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  const detail = `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ours`;
  return warn(check, detail, 'let both machines set their clocks by NTP');
}
