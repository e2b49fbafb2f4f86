/** Completion for bash, also for the 3.2 that macOS has. */
import { everyCommand, type CompletedCommand, type CompletedValue } from './command-tree.js';
import { caseBranch, quoted } from './shell-text.js';
import { deeperPaths, flagsWithValue } from './walk.js';

export function bashCompletion(tree: CompletedCommand): string {
  const commands = everyCommand(tree);
  return `# Completion of triumvir for bash: source <(triumvir completion bash)
_triumvir() {
  local at='' after='' word current=\${COMP_WORDS[COMP_CWORD]} previous i
  COMPREPLY=()
  # Bash takes --flag=value apart at the equals sign.
  [[ $current == '=' ]] && current=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == '=' ]] && continue
    if [[ -n $after ]]; then
      after=''
      continue
    fi
    if _triumvir_takes_value "$at" "$word"; then
      after=$word
    else
      case "$at/$word" in
        ${deeperPaths(commands).map(quoted).join(' | ')}) at="$at/$word" ;;
      esac
    fi
  done
  if [[ -n $after ]]; then
    case "$at $after" in
${commands.flatMap(valueBranches).join('\n')}
    esac
  elif [[ $current == -* ]]; then
    case "$at" in
${commands.map(({ path, flags }) => caseBranch(6, [path], wordsReply(flags.flatMap(({ names }) => names)))).join('\n')}
    esac
  else
    case "$at" in
${commands.map((command) => caseBranch(6, [command.path], plainReply(command))).join('\n')}
    esac
  fi
}
_triumvir_takes_value() {
  case "$1 $2" in
    ${flagsWithValue(commands).map(quoted).join(' | ')}) return 0 ;;
  esac
  return 1
}
complete -F _triumvir triumvir
`;
}

function valueBranches({ path, flags }: CompletedCommand): string[] {
  return flags.flatMap(({ names, value }) =>
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
}

/** What may stand where no flag is: a command below, or the argument. */
const plainReply = ({ commands, argument }: CompletedCommand): string =>
  commands.length > 0
    ? wordsReply(commands.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))
    : replyOf(argument);

function replyOf(value: CompletedValue): string {
  if (value.kind === 'words') return wordsReply(value.words);
  return value.kind === 'file' ? 'COMPREPLY=($(compgen -f -- "$current"))' : ':';
}

const wordsReply = (words: readonly string[]): string =>
  `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$current"))`;
