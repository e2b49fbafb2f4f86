/** Each checker fails on fabricated evidence of what it looks for, and on nothing else. */
import { describe, expect, it } from 'vitest';
import { judge } from './all.js';
import { findDuplicates } from './duplicates.js';
import type { Evidence, FaultRecord, FinalJob, LedgerRun, Submission, Transition } from './evidence.js';

const JOB = 'job-1';

const submission: Submission = {
  name: 'work-1',
  type: 'command',
  atMs: 1000,
  result: 'ok',
  jobId: JOB,
  tries: 1,
  cancelAsked: false,
  hopeless: false,
};

const job: FinalJob = {
  id: JOB,
  name: 'work-1',
  type: 'command',
  state: 'succeeded',
  attempt: 1,
  maxAttempts: 3,
  createdMs: 1000,
  finishedMs: 2000,
  history: [],
};

const run: LedgerRun = { jobId: JOB, attempt: 1, pid: 7, startMs: 1500, end: { atMs: 1900, exit: 0 } };

const transition = (change: Partial<Transition>): Transition => ({
  atMs: 1100,
  jobId: JOB,
  from: 'scheduled',
  to: 'queued',
  delivery: 1,
  attemptBefore: 0,
  attemptAfter: 0,
  writer: 'scheduler-1',
  owner: null,
  feeder: 'scheduler-1',
  reclaimer: 'executor-2',
  ...change,
});

const claimed = transition({});
const started = transition({ from: 'queued', to: 'running', attemptAfter: 1, writer: 'executor-1' });
const finished = transition({
  from: 'running',
  to: 'succeeded',
  attemptBefore: 1,
  attemptAfter: 1,
  writer: 'executor-1',
  owner: 'executor-1',
});

const fault: FaultRecord = {
  name: 'executor-killed',
  mayRepeat: true,
  fromMs: 5000,
  toMs: 6000,
  measuredFrom: 'start',
  healMs: 4400,
  boundMs: 4500,
  readyMs: 100,
  caughtUpMs: 150,
};

const good: Evidence = {
  submissions: [submission],
  ledger: [run],
  jobs: [job],
  transitions: [claimed, started, finished],
  epochs: [
    { atMs: 0, election: 'scheduler/shard-0', epoch: 1, holder: 'scheduler-1' },
    { atMs: 9, election: 'scheduler/shard-0', epoch: 2, holder: 'scheduler-2' },
    { atMs: 9, election: 'executor/reclaimer', epoch: 1, holder: 'executor-2' },
  ],
  faults: [fault],
  withdrawn: [],
  troubles: [],
  leaseMs: 5000,
  slackMs: 200,
};

/** The numbers of the checkers that fail on the good evidence with some of it changed. */
function failing(change: Partial<Evidence>): string {
  return judge({ ...good, ...change })
    .filter(({ violations }) => violations.length > 0)
    .map(({ checker }) => checker.charAt(0))
    .join(' ');
}

it('all checkers pass on sound evidence', () => {
  expect(failing({})).toBe('');
});

describe('checker 1, nothing lost', () => {
  it('fails when an acknowledged job does not exist', () => {
    expect(failing({ submissions: [submission, { ...submission, jobId: 'gone', name: 'work-2' }] })).toBe(
      '1',
    );
  });

  it('accepts that a submission without an acknowledgement left no job', () => {
    const unknown: Submission = { ...submission, jobId: undefined, name: 'work-2', result: 'unknown' };
    expect(failing({ submissions: [submission, unknown] })).toBe('');
  });

  it('fails when a job has not ended', () => {
    expect(failing({ jobs: [{ ...job, state: 'running' }], transitions: [claimed, started] })).toBe('1');
  });

  it('fails when one submission became two jobs', () => {
    const other = { ...job, id: 'job-2', type: 'print' };
    const transitions = [job, other].flatMap(({ id }) =>
      [claimed, started, finished].map((one) => ({ ...one, jobId: id })),
    );
    expect(failing({ jobs: [job, other], transitions })).toBe('1');
  });

  describe('ends', () => {
    const ended = (state: string, change: Partial<FinalJob> = {}): Partial<Evidence> => ({
      jobs: [{ ...job, state, ...change }],
      transitions: [claimed, started, { ...finished, to: state }],
    });
    const cancelled = ended('cancelled', { history: [] });

    it('fails when a job was cancelled and nobody had asked for it', () => {
      expect(failing(cancelled)).toBe('1');
      expect(failing({ ...cancelled, submissions: [{ ...submission, cancelAsked: true }] })).toBe('');
    });

    it('holds that against a job whose acknowledgement was lost, too', () => {
      const unknown: Submission = { ...submission, result: 'unknown', jobId: undefined };
      expect(failing({ ...cancelled, submissions: [unknown] })).toBe('1');
      expect(failing({ submissions: [unknown] })).toBe('');
    });

    it.each([false, true])('fails when a job is dead that had attempts left (hopeless: %s)', (hopeless) => {
      const submissions = [{ ...submission, hopeless }];
      expect(failing({ ...ended('dead'), submissions })).toBe('1');
      expect(failing({ ...ended('dead', { maxAttempts: 1 }), submissions })).toBe('');
    });

    it('fails when a job succeeded of which every attempt fails', () => {
      expect(failing({ submissions: [{ ...submission, hopeless: true }] })).toBe('1');
    });

    it('fails when a job expired, which none of them can', () => {
      expect(failing(ended('expired'))).toBe('1');
    });

    it('names the state', () => {
      const [verdict] = judge({ ...good, ...cancelled });
      expect(verdict?.violations[0]?.what).toContain('ended as cancelled');
    });
  });

  it.each([
    ['has no entry', []],
    ['was started and not ended', [{ ...run, end: undefined }]],
    ['failed', [{ ...run, end: { atMs: 1900, exit: 1 } }]],
    ['was another one', [{ ...run, attempt: 2 }]],
  ])('fails when a success stands on an attempt that in the ledger %s', (_, ledger) => {
    expect(failing({ ledger })).toBe('1');
  });
});

describe('checker 2, never again after success', () => {
  it('fails when the ledger shows a start after the recorded success', () => {
    const again = { ...run, pid: 8, startMs: 5500 };
    expect(failing({ ledger: [run, again] })).toBe('2');
  });

  it('accepts a second run that began before it', () => {
    const again = { ...run, pid: 8, startMs: 1950 };
    expect(failing({ ledger: [run, again], faults: [{ ...fault, fromMs: 1400 }] })).toBe('');
  });
});

describe('checker 3, attempts, deliveries and ends', () => {
  it('fails when there were more attempts than allowed', () => {
    expect(failing({ jobs: [{ ...job, maxAttempts: 0 }] })).toBe('3');
  });

  it('fails when an attempt is missing in the history', () => {
    expect(
      failing({ jobs: [{ ...job, attempt: 3, history: [2] }], ledger: [{ ...run, attempt: 3 }] }),
    ).toContain('3');
  });

  it('fails when a second end was accepted', () => {
    const dead = { ...finished, to: 'dead' };
    expect(failing({ transitions: [claimed, started, dead, { ...finished, from: 'dead' }] })).toBe('3');
  });

  it.each([
    ['none of its changes was', [], 'nothing was recorded'],
    ['its end was not', [claimed, started], 'its last record says running'],
    ['another end was', [claimed, started, { ...finished, to: 'dead' }], 'its last record says dead'],
  ])('fails when a job ended and %s recorded', (_, transitions, what) => {
    expect(failing({ transitions })).toBe('3');
    const found = judge({ ...good, transitions }).flatMap(({ violations }) => violations);
    expect(found.map((one) => one.what).join()).toContain(what);
  });

  it('fails when an end was accepted from an attempt that did not hold the job', () => {
    const again = transition({
      from: 'running',
      to: 'scheduled',
      attemptBefore: 1,
      attemptAfter: 1,
      writer: 'executor-1',
      owner: 'executor-1',
    });
    const second = transition({ ...started, attemptBefore: 1, attemptAfter: 2, delivery: 2 });
    const late = { ...finished, attemptBefore: 2, attemptAfter: 1 };
    const transitions = [
      claimed,
      started,
      again,
      { ...claimed, delivery: 2, attemptBefore: 1, attemptAfter: 1 },
      second,
      late,
    ];
    expect(failing({ transitions })).toBe('3');
  });

  it('fails when an attempt was skipped', () => {
    expect(failing({ transitions: [claimed, { ...started, attemptAfter: 2 }, finished] })).toContain('3');
  });

  it('accepts an interrupted attempt that was handed back uncounted', () => {
    const handedBack = transition({
      from: 'running',
      to: 'scheduled',
      attemptBefore: 1,
      writer: 'executor-1',
      owner: 'executor-1',
    });
    expect(failing({ transitions: [claimed, started, handedBack, claimed, started, finished] })).toBe('');
  });

  it('fails when a job was started under a delivery that had been taken out of the queue', () => {
    const withdrawn = [{ jobId: JOB, delivery: 1, atMs: 1050 }];
    expect(failing({ withdrawn })).toBe('3');
    expect(failing({ withdrawn: [{ ...withdrawn[0]!, delivery: 2 }] })).toBe('');
  });
});

describe('checker 4, duplicates only under faults', () => {
  const second = { ...run, pid: 8, startMs: 1950, end: undefined };

  it('fails when a job ran twice and no fault was near', () => {
    expect(failing({ ledger: [run, second], faults: [{ ...fault, fromMs: 500_000, toMs: 500_001 }] })).toBe(
      '4',
    );
  });

  it('accepts it within a fault and the lease after it, and counts it', () => {
    const covering = { ...fault, fromMs: 0, toMs: 100 };
    expect(failing({ ledger: [run, second], faults: [covering] })).toBe('');
    expect(findDuplicates({ ...good, ledger: [run, second], faults: [covering] })).toMatchObject([
      { jobId: JOB, fault: { name: 'executor-killed' } },
    ]);
  });

  it('fails when no fault was near but such as must not make a job run twice, and names the nearest', () => {
    const other = { ...fault, name: 'redis-flushed', mayRepeat: false, fromMs: 1000, toMs: 2000 };
    expect(failing({ ledger: [run, second], faults: [other] })).toBe('4');
    expect(findDuplicates({ ...good, ledger: [run, second], faults: [other] })).toMatchObject([
      { fault: { name: 'redis-flushed' } },
    ]);
  });

  it('accepts it where one fault may do that, however near another one was that may not', () => {
    const other = { ...fault, name: 'redis-flushed', mayRepeat: false, fromMs: 1000, toMs: 2000 };
    const covering = { ...fault, fromMs: 0, toMs: 100 };
    for (const faults of [
      [other, covering],
      [covering, other],
    ])
      expect(failing({ ledger: [run, second], faults })).toBe('');
  });

  it('does not count a retry after a designed failure', () => {
    const failed = { ...run, end: { atMs: 1600, exit: 1 } };
    expect(findDuplicates({ ...good, ledger: [failed, { ...second, attempt: 2 }] })).toEqual([]);
  });
});

describe('checker 5, epochs and fences', () => {
  it('fails when nothing was recorded of an election', () => {
    expect(failing({ epochs: [] })).toBe('5');
    expect(failing({ epochs: good.epochs.slice(0, 2) })).toBe('5');
  });

  it('fails when an epoch has two holders', () => {
    const [first] = good.epochs;
    expect(failing({ epochs: [...good.epochs, { ...first!, epoch: 2, holder: 'scheduler-3' }] })).toBe('5');
  });

  it.each([
    ['a claim', { ...claimed, writer: 'scheduler-2' }],
    ['a sweep', transition({ from: 'queued', to: 'scheduled', writer: 'scheduler-2' })],
    ['an end by an executor that never had the job', { ...finished, writer: 'executor-3' }],
  ])('fails on %s by somebody who may not', (_, bad) => {
    expect(failing({ transitions: [bad] })).toContain('5');
  });

  it('accepts that the reclaimer ends what another executor ran', () => {
    expect(failing({ transitions: [claimed, started, { ...finished, writer: 'executor-2' }] })).toBe('');
  });
});

describe('checker 6, heals within bounds', () => {
  it('fails when healing took longer than the bound and the tolerance', () => {
    expect(failing({ faults: [{ ...fault, healMs: 4700 }] })).toBe('');
    expect(failing({ faults: [{ ...fault, healMs: 4701 }] })).toBe('6');
  });

  it('fails when a fault did not heal', () => {
    expect(failing({ faults: [{ ...fault, healMs: undefined }] })).toBe('6');
  });

  it('fails when what piled up was not worked off in the time of the fault, the bound and the tolerance', () => {
    expect(failing({ faults: [{ ...fault, caughtUpMs: 5700 }] })).toBe('');
    expect(failing({ faults: [{ ...fault, caughtUpMs: 5701 }] })).toBe('6');
    expect(failing({ faults: [{ ...fault, caughtUpMs: undefined }] })).toBe('6');
  });
});

describe('checker 7, no hand needed', () => {
  it('fails when a service did not become ready again', () => {
    expect(failing({ faults: [{ ...fault, readyMs: undefined }] })).toBe('7');
  });

  it('fails when a service ended by itself, or left an error unhandled', () => {
    expect(failing({ troubles: [{ service: 'store-1', what: 'unhandled rejection' }] })).toBe('7');
  });
});
