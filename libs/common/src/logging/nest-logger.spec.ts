import { expect, test } from 'vitest';
import type { Logger } from './logger.js';
import { NestLogger } from './nest-logger.js';

function listen() {
  const said: unknown[][] = [];
  const at =
    (level: string) =>
    (...line: unknown[]) =>
      said.push([level, ...line]);
  const log = { debug: at('debug'), warn: at('warn'), error: at('error') } as unknown as Logger;
  return { said, nest: new NestLogger(log) };
}

test("Nest's chatter is for debugging; its warnings and errors keep their level", () => {
  const { said, nest } = listen();
  nest.log('Mapped {/jobs, GET} route', 'RouterExplorer');
  nest.warn('deprecated', 'Thing');
  nest.fatal('cannot resolve', 'Injector');
  expect(said).toEqual([
    ['debug', 'Mapped {/jobs, GET} route', { from: 'RouterExplorer' }],
    ['warn', 'deprecated', { from: 'Thing' }],
    ['error', 'cannot resolve', { from: 'Injector' }],
  ]);
});

test('the stack that Nest passes before the name is kept', () => {
  const { said, nest } = listen();
  nest.error('boom', 'at x.ts:1', 'ExceptionHandler');
  expect(said).toEqual([['error', 'boom', { from: 'ExceptionHandler', stack: 'at x.ts:1' }]]);
});
