/** Every link between the documents of this repository leads to a file that exists, and to a heading that it has. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/** Blocks and spans of code hold no links. */
const CODE = /^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1|`[^`\n]+`/gm;
const FENCED = /^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1/gm;
const LINK = /\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g;
const ELSEWHERE = /^[a-z][a-z0-9+.-]*:/i;

const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(path));

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replace(FENCED, '').matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    anchors.add(times === 0 ? anchor : `${anchor}-${times}`);
  }
  return anchors;
}

/** What is wrong with the links of a document at `path`. */
function brokenLinks(path: string, text: string): string[] {
  const targets = [...text.replace(CODE, '').matchAll(LINK)].map(([, target = '']) => target);
  return targets
    .filter((target) => !ELSEWHERE.test(target))
    .flatMap((target) => {
      const [file = '', anchor] = decodeURI(target).split('#');
      const there = file === '' ? path : normalize(join(dirname(path), file));
      if (file !== '' && !existsSync(there)) return [`${path}: ${target}: there is no such file`];
      if (anchor === undefined || !there.endsWith('.md')) return [];
      const known = anchorsOf(file === '' ? text : readFileSync(there, 'utf8'));
      return known.has(anchor) ? [] : [`${path}: ${target}: there is no such heading`];
    });
}

test('every link in a document leads somewhere', () => {
  expect(documents).toContain('README.md');
  expect(documents.flatMap((path) => brokenLinks(path, readFileSync(path, 'utf8')))).toEqual([]);
});

test.each([
  ['[a](no-such-file.md)', ['README.md: no-such-file.md: there is no such file']],
  ['# One\n[a](#two)', ['README.md: #two: there is no such heading']],
  ['# A `b`: c, d\n## A\n## A\n[1](#a-b-c-d) [2](#a-1)', []],
  ['[a](docs/SEARCH.md#bulk-operations) [b](docs) [c](https://example.com/x#y)', []],
  ['`[a](none.md)`\n```\n[b](none.md)\n# two\n```\n[c](#two)', ['README.md: #two: there is no such heading']],
])('the check knows links that lead nowhere (%j)', (text, broken) => {
  expect(brokenLinks('README.md', text)).toEqual(broken);
});
