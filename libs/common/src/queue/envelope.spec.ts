import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Delivery } from '#common/domain/job.js';
import { decodeEnvelope, encodeEnvelope, envelopeId, SENT_AHEAD_MS, type Envelope } from './envelope.js';

const MAX_INT4 = 2_147_483_647;
const delivery: fc.Arbitrary<Delivery> = fc.record({
  jobId: fc.uuid(),
  delivery: fc.integer({ min: 1, max: MAX_INT4 }),
});
const deliveries = fc.array(delivery, { minLength: 1, maxLength: 50 });
const envelope: fc.Arbitrary<Envelope> = fc.record({
  deliveries,
  dueInMs: fc.double({ min: 0, max: SENT_AHEAD_MS, noNaN: true }).map(Math.abs),
});
const NOTHING: Envelope = { deliveries: [], dueInMs: 0 };
const id = '01890a5d-ac96-774b-bcce-b302099a8057';

test('what goes in comes out, in its order, also through JSON as Redis holds it', () => {
  fc.assert(
    fc.property(envelope, (sent) => {
      expect(decodeEnvelope(encodeEnvelope(sent))).toEqual(sent);
      expect(decodeEnvelope(JSON.parse(JSON.stringify(encodeEnvelope(sent))))).toEqual(sent);
    }),
  );
});

test.each([
  [undefined],
  [null],
  [''],
  [{}],
  [{ d: [] }],
  [{ d: 'x' }],
  [{ d: [[id]] }],
  [{ d: [[id, 0]] }],
  [{ d: [[id, -1]] }],
  [{ d: [[id, 1.5]] }],
  [{ d: [[id, '1']] }],
  [{ d: [[id, null]] }],
  [{ d: [['not-a-uuid', 1]] }],
  [{ d: [[id, 1, 'more']] }],
  [{ d: [[id, 1]], w: -1 }],
  [{ d: [[id, 1]], w: 60_000 }],
  [{ d: [[id, 1]], w: 'soon' }],
  [{ d: [[id, MAX_INT4 + 1]] }],
  [{ d: [[id, Number.MAX_SAFE_INTEGER]] }],
  [
    {
      d: [
        [id, 1],
        ['x', 1],
      ],
    },
  ],
])('%j is no envelope of ours and holds no deliveries', (data) => {
  expect(decodeEnvelope(data)).toEqual(NOTHING);
});

test('garbage never throws', () => {
  fc.assert(
    fc.property(fc.anything(), (data) => {
      expect(decodeEnvelope(data)).toEqual(NOTHING);
    }),
  );
});

test('nothing but deliveries gets through: Redis cannot say what is run', () => {
  expect(decodeEnvelope({ d: [[id, 1]], command: 'rm -rf /' })).toEqual({
    deliveries: [{ jobId: id, delivery: 1 }],
    dueInMs: 0,
  });
});

test('the id of an envelope is one that BullMQ takes, and the same for the same deliveries', () => {
  fc.assert(
    fc.property(deliveries, ([first, ...rest]) => {
      if (first === undefined) return;
      const name = envelopeId([first, ...rest]);
      expect(name).not.toMatch(/:|^\d+$/);
      expect(envelopeId([first, ...rest])).toBe(name);
    }),
  );
});

test('the next hand-over of the same job travels under another id', () => {
  expect(envelopeId([{ jobId: id, delivery: 1 }])).not.toBe(envelopeId([{ jobId: id, delivery: 2 }]));
});
