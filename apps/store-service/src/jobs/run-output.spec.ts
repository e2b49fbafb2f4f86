import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunOutput } from './run-output.js';

const TEXT = 'plain, ümläut, 漢字, 🙂 and the end';
const BYTES = Buffer.from(TEXT);
const piece = (from: number, to: number) => ({
  stream: 'out' as const,
  position: from,
  bytes: BYTES.subarray(from, to),
});
const place = fc.nat({ max: BYTES.length });

test('however the pieces are cut, overlap and repeat, each character is told once', () => {
  const cuts = fc.array(fc.tuple(place, place), { maxLength: 20 });
  fc.assert(
    fc.property(cuts, (list) => {
      const output = new RunOutput();
      let told = '';
      let known = 0;
      for (const [a, b] of list) {
        const from = Math.min(a, b, known);
        known = Math.max(known, a, b);
        told += output.add(piece(from, known))?.text ?? '';
      }
      expect(TEXT.startsWith(told)).toBe(true);
      expect(output.position.out).toBe(Buffer.byteLength(told));
      told += output.add(piece(0, BYTES.length))?.text ?? '';
      expect(told).toBe(TEXT);
    }),
  );
});

test('whoever goes on from a position is told exactly the rest, live and from what is kept for good', () => {
  fc.assert(
    fc.property(place, (cut) => {
      const first = new RunOutput();
      const begin = first.add(piece(0, cut))?.text ?? '';
      const live = new RunOutput(first.position);
      expect(begin + (live.add(piece(0, BYTES.length))?.text ?? '')).toBe(TEXT);
      const kept = new RunOutput(first.position);
      const rest = kept.rest([{ stream: 'out', text: TEXT, omittedBytes: 0 }]) ?? [];
      expect(begin + rest.map(({ text }) => text).join('')).toBe(TEXT);
    }),
  );
});

test('a gap is told with its size, and a character that it cuts is not glued together', () => {
  const output = new RunOutput();
  const euro = Buffer.from('€');
  expect(output.add({ stream: 'err', position: 0, bytes: euro.subarray(0, 1) })).toBeUndefined();
  expect(output.add({ stream: 'err', position: 10, bytes: Buffer.from('x') })).toEqual({
    stream: 'err',
    text: 'x',
    omittedBytes: 9,
  });
});

test('the streams do not mix', () => {
  const output = new RunOutput();
  const euro = Buffer.from('€');
  output.add({ stream: 'out', position: 0, bytes: euro.subarray(0, 2) });
  expect(output.add({ stream: 'err', position: 0, bytes: Buffer.from('!') })?.text).toBe('!');
  expect(output.add({ stream: 'out', position: 2, bytes: euro.subarray(2) })?.text).toBe('€');
  expect(output.position).toEqual({ out: 3, err: 1 });
});

test('what was left out of the kept output is told as it is, unless something has been told already', () => {
  const pieces = [
    { stream: 'out' as const, text: 'a', omittedBytes: 0 },
    { stream: 'out' as const, text: 'z', omittedBytes: 99 },
  ];
  expect(new RunOutput().rest(pieces)).toEqual(pieces);
  expect(new RunOutput({ out: 1, err: 0 }).rest(pieces)).toBeUndefined();
  const cutShort = [...pieces.slice(0, 1), { stream: 'out' as const, text: '', omittedBytes: 99 }];
  expect(new RunOutput({ out: 1, err: 0 }).rest(cutShort)).toEqual(cutShort.slice(1));
});

test('bytes that are no text become U+FFFD', () => {
  const text = new RunOutput().add({
    stream: 'out',
    position: 0,
    bytes: Buffer.from([0x61, 0xff, 0, 0x62]),
  })?.text;
  expect(text).toBe('a\uFFFD\uFFFDb');
});
