/** How a script finds out where in the tree of commands the words on the line have led so far. */
import type { CompletedCommand } from './command-tree.js';

/** `/workflow/submit`: each command but the program itself. */
export const deeperPaths = (commands: readonly CompletedCommand[]): string[] =>
  commands.flatMap(({ path }) => (path === '' ? [] : [path]));

/** `/list --state`: each flag of each command that a value follows, so that the value is not taken for a command. */
export const flagsWithValue = (commands: readonly CompletedCommand[]): string[] =>
  commands.flatMap(({ path, flags }) =>
    flags.flatMap(({ names, value }) =>
      value.kind === 'none' ? [] : names.map((name) => `${path} ${name}`),
    ),
  );
