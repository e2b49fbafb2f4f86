import { describe, expect, it } from 'vitest';
import { grantedBy, likePattern, QUEUE_PATTERN, queueMatcher, scopeForType, SCOPES } from './access.js';

describe('scopes', () => {
  it('admin brings every other one', () => {
    expect([...grantedBy(['admin'])].sort()).toEqual([...SCOPES].sort());
  });

  it('submit:command brings submit, and nothing else brings submit:command but admin', () => {
    expect([...grantedBy(['submit:command'])]).toEqual(['submit:command', 'submit']);
    expect([...grantedBy(['read', 'submit', 'operate'])]).toEqual(['read', 'submit', 'operate']);
  });

  it.each([
    ['command', 'submit:command'],
    ['print', 'submit'],
    ['constructor', 'submit'],
  ])('a job of type %s needs %s', (type, scope) => {
    expect(scopeForType(type)).toBe(scope);
  });
});

describe('queue patterns', () => {
  it.each([
    ['emails', 'emails', true],
    ['emails', 'emails2', false],
    ['emails', 'my-emails', false],
    ['team-a.*', 'team-a.x', true],
    ['team-a.*', 'team-axx', false],
    ['team-a*', 'team-a', true],
    ['*', 'anything', true],
    ['a*z', 'a.b-c_z', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['ab*ba', 'aba', false],
    ['a_b', 'axb', false],
  ])('%s on the queue %s: %s', (pattern, queue, expected) => {
    expect(queueMatcher([pattern])(queue)).toBe(expected);
    expect(queueMatcher(['other', pattern])(queue)).toBe(expected);
  });

  it('becomes an operand of LIKE in which only the star stands for more than itself', () => {
    expect(likePattern('team_a.*')).toBe('team\\_a.%');
  });

  it('a pattern of stars is matched in an instant', () => {
    const pattern = `${'a*'.repeat(49)}b`;
    expect(QUEUE_PATTERN.test(pattern)).toBe(true);
    const startedAt = performance.now();
    expect(queueMatcher([pattern])('a'.repeat(100))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});
