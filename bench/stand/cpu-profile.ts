/**
 * Imported into a service by NODE_OPTIONS: leaves a profile of its main thread in the folder that BENCH_CPU_PROFILES names
 * when the process ends. (Node 20 does not take --cpu-prof from the environment.)
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const folder = process.env['BENCH_CPU_PROFILES'];

if (folder !== undefined && isMainThread) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  process.once('exit', () => {
    // A session of the same thread answers before post returns.
    session.post('Profiler.stop', (error, { profile }) => {
      const service = basename(join(process.argv[1] ?? '', '..', '..'));
      if (error === null)
        writeFileSync(join(folder, `${service}-${process.pid}.cpuprofile`), JSON.stringify(profile));
    });
  });
}
