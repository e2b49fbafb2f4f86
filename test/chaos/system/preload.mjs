// Loaded into every service of a chaos run before its own code. On SIGUSR2 the service does what its control file says:
//   {"blockMs": 10000}    blocks the event loop of the main thread
//   {"clockMs": 3600000}  from now on its wall clock is off by so much, in all threads: Date.now(), new Date(), Date()
// Timers and performance.now() stand on the monotonic clock, which no wrong setting of a clock moves; nor does this.
import { readFileSync } from 'node:fs';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const SHARED = 'chaos-clock';
if (isMainThread) setEnvironmentData(SHARED, new SharedArrayBuffer(8));
const offsetMs = new Float64Array(getEnvironmentData(SHARED));

const TrueDate = globalThis.Date;
const trueNow = TrueDate.now.bind(TrueDate);
TrueDate.now = () => trueNow() + offsetMs[0];
globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [TrueDate.now()] : args, newTarget),
  apply: () => new TrueDate(TrueDate.now()).toString(),
});

if (isMainThread) {
  process.on('SIGUSR2', () => {
    const { blockMs = 0, clockMs } = JSON.parse(readFileSync(process.env.CHAOS_CONTROL_FILE, 'utf8'));
    if (clockMs !== undefined) offsetMs[0] = clockMs;
    const until = performance.now() + blockMs;
    // Waiting in the kernel would do as well, but a busy loop is what blocks event loops in real life.
    while (performance.now() < until);
  });
}
