/** Text that becomes part of a script for a shell. */

/** A word that bash and zsh take as it is, whatever is in it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** One branch of a `case`, for any of the patterns. */
export const caseBranch = (indent: number, patterns: readonly string[], body: string): string =>
  `${' '.repeat(indent)}${patterns.map(quoted).join(' | ')}) ${body} ;;`;
