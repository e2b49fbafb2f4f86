import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ROOT } from './root.js';

const make = (...args: string[]) => spawnSync('make', args, { cwd: ROOT, encoding: 'utf8' }).stdout;

describe('make', () => {
  it.each(
    'build start stop clean run-servers stop-servers run-worker run-client run-client-servers run-webui'.split(
      ' ',
    ),
  )('knows %s, as users of the Go scheduler do', (target) => {
    expect(make('help')).toMatch(new RegExp(`^ {2}make ${target} +\\S`, 'm'));
  });

  it('hands a shell command on as it was written, dollars and quotes included', () => {
    const command = `echo $HOME $(date) "a 'b'" $$`;
    const printed = make(
      '-s',
      '--old-file=dist/.built',
      'run-client',
      'DEV=printenv CMD #',
      `CMD=${command}`,
    );
    expect(printed).toBe(`${command}\n`);
  });
});
