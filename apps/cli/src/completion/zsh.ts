/** Completion for zsh, with a line of description for each command and flag. */
import { everyCommand, type CompletedCommand, type CompletedValue } from './command-tree.js';
import { caseBranch, quoted } from './shell-text.js';
import { deeperPaths, flagsWithValue } from './walk.js';

export function zshCompletion(tree: CompletedCommand): string {
  const commands = everyCommand(tree);
  return `#compdef triumvir
# Completion of triumvir for zsh: source <(triumvir completion zsh), or as a file _triumvir in a folder of $fpath.
_triumvir() {
  emulate -L zsh
  local at='' after='' word
  local -i i
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $after ]]; then
      after=''
      continue
    fi
    case "$at $word" in
      ${flagsWithValue(commands).map(quoted).join(' | ')}) after=$word ;;
    esac
    case "$at/$word" in
      ${deeperPaths(commands).map(quoted).join(' | ')}) at="$at/$word" ;;
    esac
  done
  if [[ -z $after && $PREFIX == --*=* ]]; then
    after=\${PREFIX%%=*}
    compset -P '*='
  fi
  if [[ -n $after ]]; then
    case "$at $after" in
${commands.flatMap(valueBranches).join('\n')}
    esac
  elif [[ $PREFIX == -* ]]; then
    case "$at" in
${commands.map(({ path, flags }) => caseBranch(6, [path], described('flag', flags.flatMap(flagLines)))).join('\n')}
    esac
  else
    case "$at" in
${commands.map((command) => caseBranch(6, [command.path], plainReply(command))).join('\n')}
    esac
  fi
}
if [[ \${funcstack[1]} == _triumvir ]]; then
  _triumvir "$@"
else
  compdef _triumvir triumvir
fi
`;
}

const flagLines = ({ names, summary }: CompletedCommand['flags'][number]): string[] =>
  names.map((name) => `${name}:${summary}`);

const valueBranches = ({ path, flags }: CompletedCommand): string[] =>
  flags.flatMap(({ names, value }) =>
    value.kind === 'words' || value.kind === 'file'
      ? [
          caseBranch(
            6,
            names.map((name) => `${path} ${name}`),
            replyOf(value),
          ),
        ]
      : [],
  );

const plainReply = ({ commands, argument }: CompletedCommand): string =>
  commands.length > 0
    ? described(
        'command',
        commands.map(({ path, summary }) => `${path.slice(path.lastIndexOf('/') + 1)}:${summary}`),
      )
    : replyOf(argument);

const described = (what: string, lines: readonly string[]): string =>
  `list=(${lines.map(quoted).join(' ')}); _describe ${what} list`;

function replyOf(value: CompletedValue): string {
  if (value.kind === 'words') return `compadd -- ${value.words.map(quoted).join(' ')}`;
  return value.kind === 'file' ? '_files' : ':';
}
