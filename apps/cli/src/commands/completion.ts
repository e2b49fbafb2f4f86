/** `triumvir completion`: lets a shell complete commands, flags and the values that are known. */
import { Argument, type Command } from 'commander';
import { bashCompletion } from '../completion/bash.js';
import { commandTree, type CompletedCommand } from '../completion/command-tree.js';
import { fishCompletion } from '../completion/fish.js';
import { zshCompletion } from '../completion/zsh.js';
import type { CommandContext } from '../context.js';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const satisfies Record<
  string,
  (tree: CompletedCommand) => string
>;
type Shell = keyof typeof SCRIPTS;
const SHELLS = Object.keys(SCRIPTS) as Shell[];

export function addCompletionCommand(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .summary('print a script that completes commands in your shell')
    .description(
      'Prints a script for a shell. bash and zsh: source <(triumvir completion bash) in ~/.bashrc or ~/.zshrc; fish: triumvir completion fish | source.',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => void context.terminal.stdout.write(SCRIPTS[shell](commandTree(program))));
}
