/** Random search queries (docs/SEARCH.md) and their nearest neighbours: pieces of the language in any order. */
import fc from 'fast-check';

const WORDS = ['type:', 'state:', 'queue:', 'tag:', 'name:', 'key:', 'id:', 'workflow:', 'payload.x:', 'x:'];
const MARKS = ['"', '\\', ' ', ',', '%', '_', '.', '{', "'", 'payload."', '\0', '\ud83d', '💥'];
const VALUES = ['dead', '0', '-1e9', '1e999999', 'null', '{"a":1}', '9'.repeat(40), '@@id:1@@', 'print'];

export const searchQuery = fc
  .array(fc.constantFrom(...WORDS, ...MARKS, ...VALUES), { maxLength: 9 })
  .map((pieces) => pieces.join(''));
