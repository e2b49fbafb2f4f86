// A candidate as a process of its own, for tests that kill it. It runs what was built (dist/), says each term on
// standard output, and on SIGTERM resigns as a service does.
import { ZookeeperElection } from '#common/coordination/zookeeper-election.js';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { LeaderEpochs } from '#common/database/leader-epochs.js';
import { PrismaService } from '#common/database/prisma.service.js';
import { createLogger } from '#common/logging/logger.js';

const { zookeeper, root, databaseUrl, election, sessionTimeoutMs } = JSON.parse(process.argv[2]);
const log = createLogger({ service: 'test', instance: 'process', level: 'error', format: 'json' });
const prisma = new PrismaService({ DATABASE_URL: databaseUrl, PG_MAX_CONNS: 2 }, 'test', log);
const session = new ZookeeperSession({ servers: zookeeper, sessionTimeoutMs, log });
session.open();
const elections = new ZookeeperElection({
  session,
  epochs: new LeaderEpochs(prisma),
  root,
  identity: { id: 'process', host: 'localhost', pid: process.pid },
  log,
});

elections.campaign(election, async ({ epoch, signal }) => {
  console.log(`leading ${epoch}`);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
});

async function stop() {
  await elections.resignAll();
  await session.close();
  await prisma.$disconnect();
}

process.once('SIGTERM', () => void stop());
