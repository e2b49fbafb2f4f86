import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  firstCandidacy,
  restMs,
  step,
  type Action,
  type Candidate,
  type Input,
  type Leadership,
} from './leadership.js';

const candidate: Candidate = { path: '/triumvir/scheduler/shard-0/candidate-one-0000000007', czxid: 42n };

/** Runs the machine from the start of candidacy `one`; later candidacies are called `two`, `three` and so on. */
function run(...inputs: Input[]): { now: Leadership; last: readonly Action[]; all: readonly Action[] } {
  const names = ['two', 'three', 'four'];
  let now = firstCandidacy('one');
  let last: readonly Action[] = [];
  const all: Action[] = [];
  for (const input of inputs) {
    const before = now.candidacy;
    const result = step(now, input, names[0] ?? 'five');
    if (result.next.candidacy !== before) names.shift();
    now = result.next;
    last = result.actions;
    all.push(...last);
  }
  return { now, last, all };
}

const candidacy = 'one';
const connected: Input = { type: 'session-connected' };
const expired: Input = { type: 'session-expired' };
const enrolled: Input = { type: 'enrolled', candidacy, candidate };
const first: Input = { type: 'surveyed', candidacy, place: 'first' };
const behind: Input = { type: 'surveyed', candidacy, place: 'behind' };
const failed: Input = { type: 'failed', candidacy };
const superseded: Input = { type: 'epoch-superseded', candidacy };
const proved: Input = { type: 'proved', candidacy };
const granted: Input = { type: 'epoch-granted', candidacy, epoch: 3n };
const fenced: Input = { type: 'fenced', candidacy };
const dutyEnded: Input = { type: 'duty-ended' };
const resigned: Input = { type: 'resign' };

const toStandby = [connected, enrolled, behind];
const toConfirming = [connected, enrolled, first];
const toLeading = [...toConfirming, granted];

describe('the way to leadership', () => {
  it('begins by enrolling once there is a session', () => {
    expect(run(connected).last).toEqual([{ type: 'enrol', candidacy }]);
  });

  it('goes on by looking who is in line', () => {
    const { now, last } = run(connected, enrolled);
    expect(now.state).toBe('standby');
    expect(last).toEqual([{ type: 'survey', candidacy, candidate }]);
  });

  it('waits behind others, and looks again when the line has moved', () => {
    expect(run(...toStandby).last).toEqual([]);
    const { last } = run(...toStandby, { type: 'line-moved', candidacy });
    expect(last).toEqual([{ type: 'survey', candidacy, candidate }]);
  });

  it('asks for an epoch as the first in line, and leads with it', () => {
    expect(run(...toConfirming).last).toEqual([{ type: 'advance', candidacy, candidate, again: false }]);
    const { now, last } = run(...toLeading);
    expect(now).toMatchObject({ state: 'leading', epoch: 3n });
    expect(last).toEqual([{ type: 'begin-term', candidacy, epoch: 3n }]);
  });

  it('seizes a superseded epoch only after two proofs with a wait between them', () => {
    const { now, all } = run(
      ...toConfirming,
      superseded,
      proved,
      { type: 'waited', candidacy },
      proved,
      granted,
    );
    expect(now.state).toBe('leading');
    expect(all.map(({ type }) => type)).toEqual([
      'enrol',
      'survey',
      'advance',
      'prove',
      'wait',
      'prove',
      'seize',
      'begin-term',
    ]);
  });

  it('does not seize when the node is gone after all', () => {
    const { now, last } = run(...toConfirming, superseded, { type: 'node-gone', candidacy });
    expect(now).toMatchObject({ state: 'connecting', candidacy: 'two' });
    expect(last).toEqual([
      { type: 'withdraw', candidacy: 'one' },
      { type: 'enrol', candidacy: 'two' },
    ]);
  });
});

describe('what fails', () => {
  it.each([
    ['enrolling', [connected], { type: 'enrol', candidacy }],
    ['looking who is in line', [connected, enrolled], { type: 'survey', candidacy, candidate }],
    ['asking for an epoch', toConfirming, { type: 'advance', candidacy, candidate, again: true }],
    ['a proof', [...toConfirming, superseded], { type: 'prove', candidacy, candidate }],
  ])('while %s is tried again later', (_, before, action) => {
    expect(run(...before, failed).last).toEqual([{ type: 'retry-later', candidacy }]);
    expect(run(...before, failed, { type: 'retry-due', candidacy }).last).toEqual([action]);
  });

  it('five times in asking for an epoch makes way for others', () => {
    const { now, last } = run(...toConfirming, failed, failed, failed, failed, failed);
    expect(now).toMatchObject({ state: 'connecting', candidacy: 'two', resting: true });
    expect(last[0]).toEqual({ type: 'withdraw', candidacy });
  });

  it('while leading ends nothing: the epoch decides', () => {
    expect(run(...toLeading, failed)).toMatchObject({ now: { state: 'leading' }, last: [] });
  });
});

describe('a new connection', () => {
  it.each([
    ['a candidate on standby look again', toStandby, 'survey'],
    ['a leader have its node proved', toLeading, 'prove'],
    ['a candidate that was proving do so again', [...toConfirming, superseded], 'prove'],
  ])('makes %s', (_, before, action) => {
    expect(run(...before, connected).last.map(({ type }) => type)).toEqual([action]);
  });

  it('does not cut the pause after a failed term short', () => {
    expect(run(...toLeading, dutyEnded, connected).last).toEqual([]);
  });
});

describe('the end of a session', () => {
  it.each([
    ['connecting', [connected]],
    ['standby', toStandby],
    ['confirming', toConfirming],
  ])('in %s begins a new candidacy with the next session', (_, before) => {
    const { now, last } = run(...before, expired);
    expect(now).toMatchObject({ state: 'connecting', candidacy: 'two' });
    expect(last).toEqual([]);
    expect(run(...before, expired, connected).last).toEqual([{ type: 'enrol', candidacy: 'two' }]);
  });

  it('ends a term, and a new candidacy begins when its duty has returned', () => {
    const { now, last } = run(...toLeading, expired);
    expect(now.state).toBe('stepping-down');
    expect(last).toEqual([{ type: 'end-term', reason: 'session expired' }]);
    expect(run(...toLeading, expired, connected).last).toEqual([]);
    expect(run(...toLeading, expired, connected, dutyEnded).last).toEqual([
      { type: 'enrol', candidacy: 'two' },
    ]);
  });
});

describe('a term', () => {
  it('that was fenced ends, its node is withdrawn, and there is a pause before the next candidacy', () => {
    const { now, last } = run(...toLeading, fenced);
    expect(now).toMatchObject({ state: 'stepping-down', candidacy: 'two' });
    expect(last).toEqual([
      { type: 'end-term', reason: 'fenced' },
      { type: 'withdraw', candidacy },
    ]);
    expect(run(...toLeading, fenced, dutyEnded).last).toEqual([
      { type: 'rest', candidacy: 'two', failedTerms: 1 },
    ]);
    expect(run(...toLeading, fenced, dutyEnded, { type: 'retry-due', candidacy: 'two' }).last).toEqual([
      { type: 'enrol', candidacy: 'two' },
    ]);
  });

  it('whose duty ended gives others their turn', () => {
    const { now, last } = run(...toLeading, dutyEnded);
    expect(now).toMatchObject({ state: 'connecting', candidacy: 'two', resting: true });
    expect(last.map(({ type }) => type)).toEqual(['end-term', 'withdraw', 'rest']);
  });

  it('that was proved once forgives the failed ones before it', () => {
    const leading: Leadership = { state: 'leading', candidacy, candidate, epoch: 3n, failedTerms: 4 };
    const { next } = step(leading, proved, 'two');
    expect(step(next, dutyEnded, 'two').next.failedTerms).toBe(1);
    expect(step(leading, dutyEnded, 'two').next.failedTerms).toBe(5);
  });
});

describe('resigning', () => {
  it('ends a term first and then withdraws', () => {
    const { now, last } = run(...toLeading, resigned);
    expect(now.state).toBe('resigned');
    expect(last.map(({ type }) => type)).toEqual(['end-term', 'withdraw']);
  });

  it.each([
    ['connecting', [connected]],
    ['standby', toStandby],
    ['confirming', toConfirming],
  ])('in %s withdraws, since there may be a node', (_, before) => {
    expect(run(...before, resigned).last).toEqual([{ type: 'withdraw', candidacy }]);
  });

  it('is for good', () => {
    expect(run(...toLeading, resigned, dutyEnded, expired, connected, resigned).last).toEqual([]);
  });
});

describe('whatever happens, in whatever order', () => {
  const names = ['one', 'two', 'three', 'four'];
  const name = fc.constantFrom(...names);
  const answer = (type: 'line-moved' | 'epoch-superseded' | 'proved' | 'node-gone' | 'waited' | 'failed') =>
    fc.record({ type: fc.constant(type), candidacy: name });
  const anyInput: fc.Arbitrary<Input> = fc.oneof(
    fc.constantFrom(connected, expired, dutyEnded),
    fc.record({ type: fc.constant('enrolled' as const), candidacy: name, candidate: fc.constant(candidate) }),
    fc.record({
      type: fc.constant('surveyed' as const),
      candidacy: name,
      place: fc.constantFrom('first' as const, 'behind' as const, 'gone' as const),
    }),
    fc.record({ type: fc.constant('epoch-granted' as const), candidacy: name, epoch: fc.bigInt() }),
    fc.record({ type: fc.constantFrom('retry-due' as const, 'fenced' as const), candidacy: name }),
    answer('line-moved'),
    answer('epoch-superseded'),
    answer('proved'),
    answer('node-gone'),
    answer('waited'),
    answer('failed'),
    fc.record({ type: fc.constant('resign' as const) }),
  );

  it('terms begin and end in turn, and only a leader has one', () => {
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 60 }), (inputs) => {
        let now = firstCandidacy('one');
        let inTerm = false;
        for (const input of inputs) {
          const { next, actions } = step(now, input, names[names.indexOf(now.candidacy) + 1] ?? 'one');
          const turns = actions.map(({ type }) => type).filter((type) => /^(begin|end)-term$/.test(type));
          const leads = next.state === 'leading';
          expect(turns).toEqual(leads === inTerm ? [] : [leads ? 'begin-term' : 'end-term']);
          inTerm = leads;
          now = next;
        }
      }),
    );
  });

  it('a candidacy that is left while its session lives is withdrawn', () => {
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 60 }), (inputs) => {
        let now = firstCandidacy('one');
        for (const input of inputs) {
          const { next, actions } = step(now, input, names[names.indexOf(now.candidacy) + 1] ?? 'one');
          const left =
            next.candidacy !== now.candidacy || (next.state === 'resigned' && now.state !== 'resigned');
          // Needless when a quorum has shown that the leader's node is gone, or when it was withdrawn before.
          const needless =
            input.type === 'session-expired' ||
            (input.type === 'node-gone' && now.state === 'leading') ||
            now.state === 'stepping-down';
          const withdrawn = actions.some(
            (action) => action.type === 'withdraw' && action.candidacy === now.candidacy,
          );
          expect(withdrawn).toBe(left && !needless);
          now = next;
        }
      }),
    );
  });
});

describe('the pause before standing again', () => {
  it('grows with every failed term, up to half a minute, and is spread by chance', () => {
    expect([1, 2, 3].map((failedTerms) => restMs(failedTerms, 0))).toEqual([250, 500, 1000]);
    expect([1, 2, 3].map((failedTerms) => restMs(failedTerms, 0.999))).toEqual([499.75, 999.5, 1999]);
    expect(restMs(100, 0)).toBe(15_000);
  });
});
