import { describe, expect, it } from 'vitest';
import { DelayLine } from '../../support/delay-line.js';
import { eventually } from '../../support/eventually.js';

describe('DelayLine', () => {
  it('delivers at once when there is no delay', () => {
    const delivered: string[] = [];
    new DelayLine((chunk) => delivered.push(chunk.toString())).send(Buffer.from('a'), 0);
    expect(delivered).toEqual(['a']);
  });

  it('keeps the order even when the delay ends', async () => {
    const delivered: string[] = [];
    const line = new DelayLine((chunk) => delivered.push(chunk.toString()));
    line.send(Buffer.from('a'), 30);
    line.send(Buffer.from('b'), 0);
    expect(delivered).toEqual([]);
    await eventually(() => delivered.length === 2);
    expect(delivered).toEqual(['a', 'b']);
  });
});
