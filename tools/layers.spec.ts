/** The layers hold only as long as the lint rule that guards them really fails: this shows it forbidden imports. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-layers-'));
  await copyFile('.oxlintrc.json', join(folder, '.oxlintrc.json'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the linter says of a file at `path` that imports `specifier`. */
async function lint(path: string, specifier: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `import { thing } from '${specifier}';\n\nexport const used = thing;\n`);
  const oxlint = resolve('node_modules/.bin/oxlint');
  const output = await new Promise<string>((done) => {
    execFile(oxlint, ['--config', '.oxlintrc.json', path], { cwd: folder }, (_error, stdout, stderr) =>
      done(stdout + stderr),
    );
  });
  await rm(file);
  return output;
}

test.each([
  ['apps/store-service/src/jobs/a.ts', 'bullmq'],
  ['apps/store-service/src/jobs/a.ts', 'pg'],
  ['apps/store-service/src/jobs/a.ts', '@prisma/client'],
  ['apps/store-service/src/jobs/a.ts', 'node-zookeeper-client'],
  ['apps/store-service/src/jobs/a.ts', '../../../executor-service/src/job-runner.js'],
  ['apps/store-service/src/jobs/a.ts', '../../../../libs/common/src/domain/job.js'],
  ['apps/executor-service/src/a.ts', '#tools/services.js'],
  ['libs/common/src/domain/a.ts', '../database/prisma.service.js'],
  ['libs/common/src/domain/a.ts', '#common/database/prisma.service.js'],
  ['libs/common/src/domain/a.ts', 'zod'],
  ['libs/common/src/database/a.ts', 'ioredis'],
  ['libs/common/src/queue/a.ts', 'pg'],
  ['libs/common/src/coordination/a.ts', '@prisma/client'],
  ['libs/common/src/runtime/a.ts', '../../../../apps/cli/src/main.js'],
  ['apps/cli/src/a.ts', '../../../libs/client/src/client.js'],
  ['libs/client/src/a.ts', '#common/domain/job.js'],
  ['libs/client/src/a.ts', '../../common/src/domain/job.js'],
  ['libs/client/src/a.ts', '../../../apps/cli/src/api.js'],
  ['libs/client/src/a.ts', 'zod'],
  ['libs/client/src/a.ts', 'pg'],
  ['libs/client/src/a.ts', 'node-zookeeper-client'],
  ['libs/client/src/a.ts', '@nestjs/common'],
])('%s may not import %s', async (path, specifier) => {
  expect(await lint(path, specifier)).toContain('no-restricted-imports');
});

test.each([
  ['apps/store-service/src/jobs/a.ts', '#common/domain/job.js'],
  ['apps/store-service/src/jobs/a.ts', '../cluster/cluster.controller.js'],
  ['libs/common/src/database/a.ts', 'pg'],
  ['libs/common/src/queue/a.ts', 'bullmq'],
  ['libs/common/src/coordination/a.ts', 'node-zookeeper-client'],
  ['libs/common/src/domain/a.ts', './job.js'],
  ['apps/cli/src/a.ts', '#client/client.js'],
  ['libs/client/src/a.ts', './errors.js'],
  ['libs/client/src/a.ts', 'openapi-fetch'],
  ['libs/client/src/a.ts', 'node:crypto'],
])('%s may import %s', async (path, specifier) => {
  expect(await lint(path, specifier)).not.toContain('no-restricted-imports');
});
