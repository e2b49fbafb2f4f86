/** Completion for fish, one rule for each command and flag. */
import {
  everyCommand,
  type CompletedCommand,
  type CompletedFlag,
  type CompletedValue,
} from './command-tree.js';
import { deeperPaths, flagsWithValue } from './walk.js';

export function fishCompletion(tree: CompletedCommand): string {
  const commands = everyCommand(tree);
  return `# Completion of triumvir for fish: triumvir completion fish | source
function __triumvir_at
  set -l at ''
  set -l after ''
  set -l words (commandline -opc)
  set -e words[1]
  for word in $words
    if test -n "$after"
      set after ''
    else if contains -- "$at $word" ${flagsWithValue(commands).map(quoted).join(' ')}
      set after $word
    else if contains -- "$at/$word" ${deeperPaths(commands).map(quoted).join(' ')}
      set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
complete -c triumvir -f
${commands.flatMap(rulesOf).join('\n')}
`;
}

function rulesOf({ path, commands, flags, argument }: CompletedCommand): string[] {
  const here = `complete -c triumvir -n ${quoted(`__triumvir_at '${path}'`)}`;
  return [
    ...commands.map(
      ({ path: deeper, summary }) =>
        `${here} -a ${quoted(deeper.slice(deeper.lastIndexOf('/') + 1))} -d ${quoted(summary)}`,
    ),
    ...(commands.length === 0 && argument.kind !== 'none' && argument.kind !== 'any'
      ? [`${here}${valueOf(argument)}`]
      : []),
    ...flags.map(
      (flag) =>
        `${here}${namesOf(flag)}${flag.value.kind === 'none' ? '' : ` -r${valueOf(flag.value)}`} -d ${quoted(flag.summary)}`,
    ),
  ];
}

const namesOf = ({ names }: CompletedFlag): string =>
  names.map((name) => (name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`)).join('');

function valueOf(value: CompletedValue): string {
  if (value.kind === 'words') return ` -f -a ${quoted(value.words.join(' '))}`;
  return value.kind === 'file' ? ' -F' : '';
}

/** Within single quotes fish knows two escapes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
