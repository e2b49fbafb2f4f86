import fc from 'fast-check';
import { expect, test } from 'vitest';
import { serverSentEvents } from './server-sent-events.js';

const STREAM = [
  'retry: 1000\n\n',
  'id: 1\nevent: job\ndata: {"a":"ü🙂"}\n\n',
  ': still here\n\n',
  ': still here\nid: 2\n\n',
  'event: gap\ndata: one\ndata: two\n\n',
  'data\n\n',
  'id: never complete\ndata: x\n',
].join('');

async function read(bytes: Uint8Array, cuts: readonly number[]) {
  const ends = [...cuts, bytes.length].toSorted((a, b) => a - b);
  const events = [];
  async function* pieces() {
    let from = 0;
    for (const to of ends) {
      yield bytes.subarray(from, to);
      from = to;
    }
  }
  for await (const event of serverSentEvents(pieces())) events.push(event);
  return events;
}

test('events are the same however the network cuts the stream, and half an event is none', async () => {
  const bytes = Buffer.from(STREAM);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 10 }), async (cuts) => {
      expect(await read(bytes, cuts)).toEqual([
        { name: 'message', data: undefined, id: '' },
        { name: 'job', data: '{"a":"ü🙂"}', id: '1' },
        { name: 'message', data: undefined, id: '1' },
        { name: 'message', data: undefined, id: '2' },
        { name: 'gap', data: 'one\ntwo', id: '2' },
        { name: 'message', data: '', id: '2' },
      ]);
    }),
  );
});
