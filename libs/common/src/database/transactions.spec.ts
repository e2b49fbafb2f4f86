/** One place begins transactions: Prisma's own limits, 2 s for a connection and 5 s in all, are too short for a busy database. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('every transaction is begun by inTransaction, with our limits and its repetition after deadlocks', async () => {
  const folder = import.meta.dirname;
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'));
  const places: string[] = [];
  for (const name of files)
    if ((await readFile(join(folder, name), 'utf8')).includes('$transaction(')) places.push(name);
  expect(places).toEqual(['prisma.service.ts']);
});
