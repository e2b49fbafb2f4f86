/** A client of the API for single requests, over connections that stay open. */
import { Agent, request } from 'node:http';
import { monotonicMs } from './clock.js';

const agent = new Agent({ keepAlive: true, maxSockets: 64, noDelay: true });
const WITHIN_MS = 30_000;

/** Submits a job. @returns its id, and the moment just before the request was sent, on the monotonic clock */
export function postJob(url: string, job: object): Promise<{ id: string; sentMs: number }> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(job);
    const sentMs = monotonicMs();
    const sent = request(
      `${url}/api/v1/jobs`,
      {
        agent,
        method: 'POST',
        timeout: WITHIN_MS,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if (response.statusCode === 201) resolve({ id: (JSON.parse(text) as { id: string }).id, sentMs });
          else reject(new Error(`a submission was answered ${response.statusCode}: ${text}`));
        });
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${WITHIN_MS} ms`)));
    sent.on('error', reject);
    sent.end(body);
  });
}
