/**
 * submit: jobs posted one by one over 64 connections, each answered when it is on the disk, beside a bare Fastify that
 * sends the same body back. The jobs are due in an hour, so that only submitting is measured; all services run.
 */
import type { HttpLoad } from '../load/http-load.js';
import type { FastifyEcho } from '../peers/fastify-echo.js';
import { perSecond } from '../report/result.js';
import { Contestant } from '../stand/contestant.js';
import { median } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import type { Context, Measurement } from './measurement.js';

const CONNECTIONS = 64;
const SECONDS = { quick: 1, usual: 5, full: 10 };
const WARM_UP_SECONDS = { quick: 1, usual: 3, full: 3 };
const BODY = JSON.stringify({ type: 'noop', payload: {}, delay: '1h' });

export const submit: Measurement = {
  name: 'submit',
  goal: '≥ 60 % of a bare Fastify echo',
  async measure({ servers, runs, scale, say }: Context) {
    const trio = await Trio.start(servers);
    const echo = Contestant.start<FastifyEcho>('peers/fastify-echo.js', servers.folder);
    const load = Contestant.start<HttpLoad>('load/http-load.js', servers.folder);
    try {
      const targets = { ours: `${trio.url}/api/v1/jobs`, echo: await echo.call('listen', undefined) };
      let answered = 0;
      const rateOf = async (target: keyof typeof targets, seconds: number) => {
        const report = await load.call('post', {
          url: targets[target],
          body: BODY,
          connections: CONNECTIONS,
          seconds,
          status: 201,
        });
        if (target === 'ours') answered += report.answered;
        return report.answered / report.seconds;
      };
      for (const target of ['ours', 'echo'] as const) await rateOf(target, WARM_UP_SECONDS[scale]);
      const rates = { ours: [] as number[], echo: [] as number[] };
      for (let run = 1; run <= runs; run += 1) {
        for (const target of ['ours', 'echo'] as const)
          rates[target].push(await rateOf(target, SECONDS[scale]));
        say(`run ${run}: ${perSecond(rates.ours.at(-1) ?? 0)}, echo ${perSecond(rates.echo.at(-1) ?? 0)}`);
      }
      await checkStored(trio, answered);
      return {
        ours: [
          { who: 'Triumvir', text: perSecond(median(rates.ours)), durability: 'on the disk when answered' },
        ],
        peers: [{ who: 'Fastify echo', text: perSecond(median(rates.echo)), durability: 'none' }],
        verdicts: [
          {
            of: 'share of the echo',
            measured: 100 * median(rates.ours.map((rate, run) => rate / (rates.echo[run] ?? Number.NaN))),
            atLeast: 60,
            unit: '%',
          },
        ],
        notes: [
          `${CONNECTIONS} connections, ${SECONDS[scale]} s a turn, median of ${runs}; jobs are due in an hour`,
        ],
        runs: rates,
      };
    } finally {
      await load.stop();
      await echo.stop();
      await trio.stop();
    }
  },
};

/** @throws unless Postgres holds exactly as many jobs as were answered */
async function checkStored(trio: Trio, answered: number): Promise<void> {
  const [row] = await trio.db.query<{ stored: number }>('SELECT count(*)::int AS stored FROM jobs');
  if (row?.stored !== answered) throw new Error(`${answered} were answered, ${row?.stored} are stored`);
}
