/** The commands and flags there are, as plain data: what shells need to know in order to complete them. */
import type { Argument, Command, Option } from 'commander';

export interface CompletedFlag {
  /** `--output`, and `-o` where there is a short one. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly value: CompletedValue;
}

/** What follows a flag, or stands in the place of an argument. */
export type CompletedValue =
  | { readonly kind: 'none' }
  /** Something that no shell can know. */
  | { readonly kind: 'any' }
  | { readonly kind: 'file' }
  | { readonly kind: 'words'; readonly words: readonly string[] };

export interface CompletedCommand {
  /** The words that lead to it, each after a slash: `/workflow/submit`; '' for the program itself. */
  readonly path: string;
  readonly summary: string;
  readonly commands: readonly CompletedCommand[];
  readonly flags: readonly CompletedFlag[];
  readonly argument: CompletedValue;
}

const HELP: CompletedFlag = { names: ['--help', '-h'], summary: 'display help', value: { kind: 'none' } };

/** @param program with all its commands; its own flags are taken by each of them */
export function commandTree(program: Command): CompletedCommand {
  return treeOf(program, '', program.options.filter(({ hidden }) => !hidden).map(flagOf));
}

function treeOf(command: Command, path: string, global: readonly CompletedFlag[]): CompletedCommand {
  const own = path === '' ? [] : command.options.filter(({ hidden }) => !hidden).map(flagOf);
  return {
    path,
    summary: command.summary() || command.description(),
    commands: command.commands.map((child) => treeOf(child, `${path}/${child.name()}`, global)),
    flags: [...own, ...global, HELP],
    argument: argumentOf(command.registeredArguments[0]),
  };
}

function flagOf({ long, short, flags, description, argChoices, required, optional }: Option): CompletedFlag {
  return {
    names: [long, short].filter((name) => name !== undefined),
    summary: description,
    value: required || optional ? valueOf(argChoices, flags) : { kind: 'none' },
  };
}

const argumentOf = (argument: Argument | undefined): CompletedValue =>
  argument === undefined ? { kind: 'none' } : valueOf(argument.argChoices, argument.name());

function valueOf(choices: readonly string[] | undefined, hint: string): CompletedValue {
  if (choices !== undefined) return { kind: 'words', words: choices };
  return /\b(path|folder|file)>/.test(hint) ? { kind: 'file' } : { kind: 'any' };
}

/** The command and all below it. */
export function everyCommand(command: CompletedCommand): CompletedCommand[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
