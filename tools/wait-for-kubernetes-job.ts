/**
 * Waits in a pod until a Job of the same namespace is complete: what lets job-b of k8s/helm start after job-a. A Job that is
 * not there yet is waited for too; one that has failed ends the wait with an error.
 *
 * KUBERNETES_API is the API server, SERVICE_ACCOUNT the folder with the pod's `token` and `namespace`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { complain, PlainError, say } from './screen.js';

const POLL_MS = 2000;
const ANSWER_WITHIN_MS = 10_000;
/** Not allowed: asking again would not help. */
const REFUSED = new Set([401, 403]);

const environment = z.object({ KUBERNETES_API: z.url(), SERVICE_ACCOUNT: z.string().min(1) });

const condition = z.object({ type: z.string(), status: z.string(), message: z.string().optional() });
const job = z.object({ status: z.object({ conditions: z.array(condition).optional() }).optional() });

/** One look at the Job. True: it is complete. A text: why it is not, or why nobody can tell. */
async function look(api: string, account: string, name: string): Promise<true | string> {
  const namespace = (await readFile(join(account, 'namespace'), 'utf8')).trim();
  // Read each time: Kubernetes puts a new one there before the old one expires.
  const token = (await readFile(join(account, 'token'), 'utf8')).trim();
  const answer = await fetch(`${api}/apis/batch/v1/namespaces/${namespace}/jobs/${name}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  if (REFUSED.has(answer.status)) {
    throw new PlainError(
      `This pod may not look at the Job ${name} (HTTP ${answer.status}): see Role and RoleBinding job-waiter.`,
    );
  }
  if (answer.status === 404) return 'there is no such Job yet';
  if (!answer.ok) return `the API server answers ${answer.status}`;
  const { status } = job.parse(await answer.json());
  const holding = (status?.conditions ?? []).filter((one) => one.status === 'True');
  const failed = holding.find(({ type }) => type === 'Failed');
  if (failed !== undefined) {
    throw new PlainError(`The Job ${name} has failed: ${failed.message ?? 'it does not say why'}`);
  }
  return holding.some(({ type }) => type === 'Complete') || 'it has not ended';
}

async function main(): Promise<number> {
  try {
    const [name] = process.argv.slice(2);
    if (name === undefined) throw new PlainError('usage: wait-for-kubernetes-job NAME');
    const { KUBERNETES_API, SERVICE_ACCOUNT } = environment.parse(process.env);
    for (let told = ''; ;) {
      const seen = await look(KUBERNETES_API, SERVICE_ACCOUNT, name).catch((error: unknown) => {
        if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) {
          return 'the API server does not answer';
        }
        throw error;
      });
      if (seen === true) break;
      if (seen !== told) say('Waiting', `for ${name}: ${seen}`);
      told = seen;
      await delay(POLL_MS);
    }
    say('Done', `${name} is complete`);
    return 0;
  } catch (error) {
    complain(error);
    return 1;
  }
}

process.exit(await main());
