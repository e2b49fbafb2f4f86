import { describe, expect, it } from 'vitest';
import * as statements from '#common/database/job-statements.js';
import { GUARDS, withoutGuard } from './guards.js';

const patch = { after: '/* two */', text: 'AND x = 1', replacement: '' };

describe('withoutGuard', () => {
  it('takes the text out of the statement that is meant, and of no other', () => {
    const code = 'a = `/* one */ WHERE AND x = 1`;\nb = `/* two */ WHERE AND x = 1`;';
    expect(withoutGuard(code, patch)).toBe('a = `/* one */ WHERE AND x = 1`;\nb = `/* two */ WHERE `;');
  });

  it('fails loudly when the statement has no such guard', () => {
    const code = 'b = `/* two */ WHERE y`;\nc = `/* three */ WHERE AND x = 1`;';
    expect(() => withoutGuard(code, patch)).toThrow('the guard has changed');
    expect(() => withoutGuard('', patch)).toThrow('the guard has changed');
  });
});

it('every guard is in the SQL of today', () => {
  const sql = Object.values(statements).join('\n');
  for (const { text } of Object.values(GUARDS)) expect(sql).toContain(text);
});
