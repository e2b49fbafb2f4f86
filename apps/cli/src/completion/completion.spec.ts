import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandContext } from '../context.js';
import { COMMANDS, run } from '../program.js';
import { commandTree, everyCommand } from './command-tree.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-completion-'));
  await writeFile(join(folder, 'my jobs.json'), '{}');
  for (const shell of ['bash', 'zsh', 'fish']) await writeFile(join(folder, shell), await script(shell));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function script(shell: string): Promise<string> {
  let text = '';
  const screen = { isTTY: false, write: (more: string) => (text += more) };
  const terminal = { stdout: screen, stderr: screen, env: {} };
  expect(await run(['completion', shell], terminal, new AbortController().signal)).toBe(0);
  return text;
}

/** What bash itself offers for a line, of which the last word is being typed. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const line = `
    set -u
    source "$1"
    complete -p triumvir >/dev/null
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _triumvir triumvir "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\\n' "\${COMPREPLY[@]+"\${COMPREPLY[@]}"}"`;
  const args = ['--norc', '-c', line, 'bash', join(folder, 'bash'), 'triumvir', ...words];
  const { stdout } = await promisify(execFile)('bash', args, { cwd: folder });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('bash', () => {
  it('offers commands, those below a command, and those that begin as the word does', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(['submit', 'job', 'workflow', 'top', 'doctor']));
    expect(await offered('sch')).toEqual(['schedule']);
    expect(await offered('config', '')).toEqual(['set-profile', 'use', 'list', 'show', 'remove']);
    expect(await offered('job', 'w')).toEqual(['wait', 'why']);
  });

  it('offers the flags of the command that the line has led to, and those of all commands', async () => {
    expect(await offered('list', '--')).toEqual(
      expect.arrayContaining(['--state', '--tag', '--output', '--url', '--help']),
    );
    expect(await offered('queue', 'set', '--d')).toEqual(['--drain']);
    expect(await offered('--')).not.toContain('--state');
  });

  it('offers values of a flag, also after an equals sign, and of an argument', async () => {
    expect(await offered('list', '--state', 'su')).toEqual(['succeeded']);
    expect(await offered('list', '-o', '')).toEqual(['table', 'json', 'jsonl']);
    // Bash has taken --output=j apart.
    expect(await offered('list', '--output', '=', 'json')).toEqual(['json', 'jsonl']);
    expect(await offered('list', '--output', '=')).toEqual(['table', 'json', 'jsonl']);
    expect(await offered('completion', 'z')).toEqual(['zsh']);
  });

  it('offers files where a file is meant, and nothing where it cannot know', async () => {
    expect((await offered('submit', '--file', 'my')).join(' ')).toBe('my jobs.json');
    expect(await offered('list', '--limit', '')).toEqual([]);
  });

  it('takes the value of a flag for no command', async () => {
    expect(await offered('--profile', 'queue', 'dl')).toEqual(['dlq']);
    expect(await offered('list', '--queue', 'workflow', '--st')).toEqual(['--state']);
  });
});

describe.each(['zsh', 'fish'])('%s', (shell) => {
  it('has every command and flag, in quotes that are closed', async () => {
    const text = readFileSync(join(folder, shell), 'utf8');
    for (const { path, flags } of everyCommand(tree())) {
      expect(text).toContain(`'${path}'`.replaceAll("'", shell === 'fish' ? '' : "'"));
      for (const { names } of flags)
        for (const name of names)
          expect(text).toContain(shell === 'fish' ? ` ${name.replace(/^-+/, '')}` : name);
    }
    const unquoted = text.replaceAll(shell === 'fish' ? /\\['\\]/g : /'\\''/g, '');
    expect(unquoted.split("'").length % 2).toBe(1);
  });

  it('is a script that the shell can read', async (context) => {
    const installed = await promisify(execFile)(shell, ['--version']).then(
      () => true,
      () => false,
    );
    if (!installed) context.skip();
    await promisify(execFile)(shell, ['-n', join(folder, shell)]);
  });
});

function tree() {
  const program = new Command('triumvir');
  for (const add of COMMANDS) add(program, {} as CommandContext);
  return commandTree(program);
}

it('docs/CLI.md names every command', () => {
  const text = readFileSync('docs/CLI.md', 'utf8');
  const commands = everyCommand(tree()).filter(({ commands }) => commands.length === 0);
  expect(commands.length).toBeGreaterThan(45);
  const missing = commands
    .map(({ path }) => `triumvir${path.replaceAll('/', ' ')}`)
    .filter((name) => !new RegExp(`\`${name}[\` ]`).test(text));
  expect(missing).toEqual([]);
});
