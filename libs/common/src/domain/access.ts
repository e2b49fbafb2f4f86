/** Who may do what: scopes of API keys, and the patterns that limit a key to some queues. */

/** What a key can be allowed, in the order in which people are told of them. */
export const SCOPES = ['read', 'submit', 'submit:command', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What each scope brings with it. */
const INCLUDED = {
  read: [],
  submit: [],
  // Whoever may run any command may also submit what does less.
  'submit:command': ['submit'],
  operate: [],
  // Whoever may make keys could make one with every scope.
  admin: ['read', 'submit', 'submit:command', 'operate'],
} as const satisfies Record<Scope, readonly Scope[]>;

/** The scopes, and those that come with them. */
export function grantedBy(scopes: readonly Scope[]): ReadonlySet<Scope> {
  return new Set(scopes.flatMap((scope) => [scope, ...INCLUDED[scope]]));
}

/** Job types that need more than `submit`: what they run is whatever the payload says. */
const SCOPE_OF_TYPE: Readonly<Record<string, Scope>> = { command: 'submit:command' };

/** The scope that a submission of this job type needs. */
export function scopeForType(type: string): Scope {
  return Object.hasOwn(SCOPE_OF_TYPE, type) ? (SCOPE_OF_TYPE[type] ?? 'submit') : 'submit';
}

/** A queue's name in which `*` stands for any characters, or none. */
export const QUEUE_PATTERN = /^[A-Za-z0-9*][A-Za-z0-9._*-]{0,99}$/;

/** Whether a queue is meant by one of the patterns. */
export function queueMatcher(patterns: readonly string[]): (queue: string) => boolean {
  return (queue) => patterns.some((pattern) => matches(pattern, queue));
}

/** Piece by piece, each at the first place where it fits: a regular expression could be made to search for years. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = text.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}

/** The pattern as the operand of an SQL LIKE. */
export function likePattern(pattern: string): string {
  return pattern.replaceAll('_', '\\_').replaceAll('*', '%');
}
