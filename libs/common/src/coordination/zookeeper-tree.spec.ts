import { describe, expect, it } from 'vitest';
import { inLine, parseCandidate, parseMember } from './zookeeper-tree.js';

describe('the line of candidates', () => {
  it('is in the order of the ten digits, whatever the GUIDs before them', () => {
    const early = 'candidate-ffff-ffff-0000000009';
    const late = 'candidate-0000-0000-0000000010';
    expect(inLine([late, early])).toEqual([early, late]);
  });

  it('leaves out nodes that are no candidates', () => {
    const candidate = 'candidate-one-0000000001';
    expect(inLine(['queues', 'candidate-one', candidate, 'candidate-one-12', 'lock-0000000000'])).toEqual([
      candidate,
    ]);
  });
});

describe('the content of a node', () => {
  const candidate = { id: 'scheduler-1', host: 'rome', pid: 7, since: '2026-01-01T00:00:00.000Z' };

  it('is read when it is what Triumvir writes', () => {
    expect(parseCandidate(Buffer.from(JSON.stringify(candidate)))).toEqual(candidate);
    const member = { ...candidate, run: 'a-guid', info: { port: 3000 } };
    expect(parseMember(Buffer.from(JSON.stringify(member)))).toEqual(member);
  });

  it.each(['', 'null', '[]', 'not JSON', '{"id":"a"}', '{"id":"a","host":"b","pid":"7","since":"today"}'])(
    'is undefined when it is %j',
    (content) => {
      expect(parseCandidate(Buffer.from(content))).toBeUndefined();
      expect(parseMember(Buffer.from(content))).toBeUndefined();
    },
  );
});
