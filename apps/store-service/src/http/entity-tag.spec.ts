import { expect, test } from 'vitest';
import { entityTag, versionOf } from './entity-tag.js';

test('the tag of an answer, sent back, is the version that is insisted on', () => {
  expect(versionOf(entityTag(7))).toBe(7);
});

test('without a tag, or with *, any version will do', () => {
  expect(versionOf(undefined)).toBeUndefined();
  expect(versionOf('*')).toBeUndefined();
});

test.each(['3', 'W/"3"', '"x"', '"1", "2"', ''])('%j is refused: it is no tag of ours', (header) => {
  expect(() => versionOf(header)).toThrow('If-Match: must be the ETag of an earlier answer');
});
