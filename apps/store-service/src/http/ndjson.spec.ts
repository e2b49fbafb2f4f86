import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { linesOf, parsedLine, wantsLines, type BodyLimits, type Line } from './ndjson.js';
import { Problem } from './problem.js';

const LIMITS = { bytes: 1000 };

/** What is read of a body that comes in these pieces, and then ends. */
async function read(pieces: readonly (string | Buffer)[], limits: BodyLimits = LIMITS): Promise<Line[]> {
  const body = new PassThrough();
  const lines: Line[] = [];
  for (const piece of pieces) body.write(piece);
  body.end();
  for await (const some of linesOf(body, limits)) lines.push(...some);
  return lines;
}
const texts = (lines: readonly Line[]) => lines.map(({ text }) => text);
/** Those that have come; undefined at the end. */
async function nextOf(lines: AsyncGenerator<Line[], void>): Promise<string[] | undefined> {
  const { value, done } = await lines.next();
  return done === true ? undefined : texts(value);
}

describe('the lines of a body', () => {
  it('are the same however its pieces are cut, in a character too', async () => {
    const text = '"ä€"\n"b"\n\n"😀"\n';
    const bytes = Buffer.from(text);
    for (let at = 0; at <= bytes.length; at += 1) {
      const lines = await read([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(lines).toEqual([
        { number: 1, text: '"ä€"' },
        { number: 2, text: '"b"' },
        { number: 4, text: '"😀"' },
      ]);
    }
  });

  it('need no newline behind the last one, and may end as on Windows', async () => {
    const lines = await read(['{"a":1}\r\n\r\n{"b"', ':2}']);
    expect(lines.map(parsedLine)).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it('are none in a body that is empty or blank', async () => {
    expect(await read([])).toEqual([]);
    expect(await read([' \r\n\n  '])).toEqual([]);
  });

  it('are given when they have come, not when the body has ended', async () => {
    const body = new PassThrough();
    const lines = linesOf(body, LIMITS);
    body.write('1\n2\n3');
    expect(await nextOf(lines)).toEqual(['1', '2']);
    body.write('4\n');
    expect(await nextOf(lines)).toEqual(['34']);
    body.end();
    expect(await nextOf(lines)).toBeUndefined();
  });
});

describe('a body', () => {
  const problemOf = async (lines: AsyncGenerator<Line[], void>) => {
    const error: unknown = await lines.next().catch((thrown: unknown) => thrown);
    if (!(error instanceof Problem)) throw new Error('it was read without a problem', { cause: error });
    return [error.kind, error.detail];
  };

  it('that is larger than allowed is refused, in one line or in many; not one that is just as large', async () => {
    expect(texts(await read(['x'.repeat(999), '\n']))).toHaveLength(1);
    for (const piece of ['x'.repeat(100), 'x\n'.repeat(50), '\n'.repeat(100)])
      await expect(read(Array.from({ length: 11 }, () => piece))).rejects.toMatchObject({
        kind: 'payload-too-large',
      });
  });

  it('that stops coming is waited for no longer than it has', async () => {
    const lines = linesOf(new PassThrough(), { bytes: 1000, withinMs: 1 });
    expect(await problemOf(lines)).toEqual(['bad-request', 'The body did not come within 0.001 s.']);
  });

  it('that breaks off is told from one that ends, and its unfinished line is no line', async () => {
    for (const cause of [undefined, new Error('aborted')]) {
      const body = new PassThrough();
      body.write('1\n2');
      const lines = linesOf(body, LIMITS);
      await lines.next();
      body.destroy(cause);
      expect(await problemOf(lines)).toEqual(['bad-request', 'The connection ended before the body did.']);
      expect(await problemOf(linesOf(body, LIMITS))).toEqual([
        'bad-request',
        'The connection ended before the body did.',
      ]);
    }
  });

  it('of which nobody wants the rest is let pass', async () => {
    const body = new PassThrough();
    body.write('1\n');
    for await (const _lines of linesOf(body, LIMITS)) break;
    for (let n = 0; n < 100; n += 1) body.write('x'.repeat(16_384));
    body.end();
    await once(body, 'end');
  });

  it('comes no faster than it is read', async () => {
    const body = new PassThrough({ highWaterMark: 1 });
    const lines = linesOf(body, LIMITS);
    for (let n = 0; n < 100; n += 1) body.write(`${n}\n`);
    await lines.next();
    await expect.poll(() => body.isPaused(), { timeout: 20_000 }).toBe(true);
    body.end();
    const rest = [];
    for await (const some of lines) rest.push(...some);
    expect(rest).toHaveLength(99);
  });
});

it('a line that is no JSON is named', () => {
  expect(() => parsedLine({ number: 7, text: '{"a":' })).toThrow('line 7: is not valid JSON');
});

it.each<[string | undefined, boolean]>([
  [undefined, false],
  ['*/*', false],
  ['application/json', false],
  ['application/x-ndjson', true],
  ['Application/X-NDJSON; charset=utf-8', true],
  ['application/json;q=0.5, application/x-ndjson', true],
  ['application/x-ndjsonish', false],
])('Accept: %s asks for lines: %s', (accept, expected) => {
  expect(wantsLines(accept)).toBe(expected);
});
