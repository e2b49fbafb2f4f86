import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutputPiece } from '#common/domain/job.js';
import { OutputCapture } from './output-capture.js';

const bytesOf = (pieces: readonly OutputPiece[]) =>
  pieces.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
const omitted = (pieces: readonly OutputPiece[]) =>
  pieces.reduce((sum, { omittedBytes }) => sum + omittedBytes, 0);
const textOf = (pieces: readonly OutputPiece[]) => pieces.map(({ text }) => text).join('');

const stream = fc.constantFrom('out' as const, 'err' as const);
/** One byte a character, so that the text tells of the bytes. */
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 200 });
const writes = fc.array(fc.tuple(stream, ascii), { maxLength: 60 });
const limit = fc.integer({ min: 2, max: 300 });

function capture(limitBytes: number, list: readonly (readonly ['out' | 'err', string])[]): OutputPiece[] {
  const output = new OutputCapture(limitBytes);
  for (const [name, text] of list) output.write(name, Buffer.from(text));
  return output.pieces();
}

test('what is kept and what is left out add up to what was written, and no more than the limit is kept', () => {
  fc.assert(
    fc.property(limit, writes, (limitBytes, list) => {
      const pieces = capture(limitBytes, list);
      const written = list.reduce((sum, [, text]) => sum + text.length, 0);
      expect(bytesOf(pieces) + omitted(pieces)).toBe(written);
      expect(bytesOf(pieces)).toBeLessThanOrEqual(limitBytes);
    }),
  );
});

test('what is kept is the beginning and the end of what was written, in its order', () => {
  fc.assert(
    fc.property(limit, writes, (limitBytes, list) => {
      const all = list.map(([, text]) => text).join('');
      const kept = textOf(capture(limitBytes, list));
      const half = Math.floor(limitBytes / 2);
      expect(kept).toBe(all.length <= half * 2 ? all : all.slice(0, half) + all.slice(-half));
    }),
  );
});

test('below the limit each piece is what one stream wrote without a break', () => {
  fc.assert(
    fc.property(writes, (list) => {
      const pieces = capture(100_000, list);
      for (const name of ['out', 'err'] as const) {
        const written = list.filter(([each]) => each === name).map(([, text]) => text);
        expect(textOf(pieces.filter((piece) => piece.stream === name))).toBe(written.join(''));
      }
    }),
  );
});

test('the gap is told of by the first piece after it', () => {
  const pieces = capture(10, [['out', '0123456789abcdef']]);
  expect(pieces).toEqual([
    { stream: 'out', text: '01234', omittedBytes: 0 },
    { stream: 'out', text: 'bcdef', omittedBytes: 6 },
  ]);
});

test('a character whose bytes arrive one by one is whole', () => {
  const output = new OutputCapture(1000);
  for (const byte of Buffer.from('a€😀')) output.write('out', Buffer.of(byte));
  expect(textOf(output.pieces())).toBe('a€😀');
});

test('a character that the end of the first half cuts through is whole when nothing was left out', () => {
  expect(textOf(capture(6, [['out', 'aa€b']]))).toBe('aa€b');
});

test('the halves of characters that the gap has torn are not glued together', () => {
  // Both halves of the limit cut through a euro sign: E2 82 | AC.
  const text = textOf(capture(8, [['out', `ab€${'-'.repeat(100)}€cde`]]));
  expect(text).not.toContain('€');
  expect(text.isWellFormed()).toBe(true);
  expect(text.startsWith('ab')).toBe(true);
  expect(text.endsWith('cde')).toBe(true);
});

test('two streams that take turns within a character do not spoil each other', () => {
  const output = new OutputCapture(1000);
  const [first, second, third] = Buffer.from('€');
  output.write('out', Buffer.of(first ?? 0));
  output.write('err', Buffer.from('oops'));
  output.write('out', Buffer.of(second ?? 0, third ?? 0));
  expect(output.pieces().filter((piece) => piece.stream === 'out')).toSatisfy(
    (pieces: OutputPiece[]) => textOf(pieces) === '€',
  );
});

test('NUL and bytes that are no UTF-8 become U+FFFD, so that Postgres can store any output', () => {
  fc.assert(
    fc.property(
      limit,
      fc.array(fc.tuple(stream, fc.uint8Array({ maxLength: 50 })), { maxLength: 20 }),
      (limitBytes, list) => {
        const output = new OutputCapture(limitBytes);
        for (const [name, bytes] of list) output.write(name, Buffer.from(bytes));
        const text = textOf(output.pieces());
        expect(text).not.toContain('\0');
        expect(text.isWellFormed()).toBe(true);
      },
    ),
  );
  expect(textOf(capture(100, [['out', 'a\0b']]))).toBe('a\uFFFDb');
});

test('however often the streams take turns, the number of pieces is bounded and no byte is lost', () => {
  const output = new OutputCapture(1024 * 1024);
  for (let turn = 0; turn < 20_000; turn += 1) {
    output.out('o');
    output.err('e');
  }
  const pieces = output.pieces();
  expect(pieces.length).toBeLessThanOrEqual(2000);
  expect(bytesOf(pieces)).toBe(40_000);
});

test('nothing written is nothing kept', () => {
  expect(capture(100, [])).toEqual([]);
  expect(textOf(capture(100, [['out', '']]))).toBe('');
});
