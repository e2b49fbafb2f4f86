/**
 * The fencing tokens of leadership. ZooKeeper says who should lead; a row here says who may: a leader's writes all name
 * the epoch they were made under, and change nothing once a successor has bumped it.
 */
import { Injectable } from '@nestjs/common';
import { EpochStore, type EpochRecord } from '#common/coordination/epoch-store.js';
import { PrismaService } from './prisma.service.js';

/** What a leader's write must name. A Term is one. */
export interface Fence {
  readonly election: string;
  readonly epoch: bigint;
}

/**
 * Bumps the epoch for a candidate whose node is newer than the one that led before.
 * Guard: the stored czxid is smaller, so of two who think they lead only the later one gets an epoch.
 */
const ADVANCE_EPOCH = `/* advance_epoch */
INSERT INTO leader_epochs AS l (election, epoch, czxid, holder) VALUES ($1, 1, $2, $3)
ON CONFLICT (election) DO UPDATE SET epoch = l.epoch + 1, czxid = excluded.czxid, holder = excluded.holder, since = now()
WHERE l.czxid < excluded.czxid
RETURNING epoch`;

/** The same without the guard, for a ZooKeeper that was wiped and counts its transactions from zero again. */
const SEIZE_EPOCH = `/* seize_epoch */
INSERT INTO leader_epochs AS l (election, epoch, czxid, holder) VALUES ($1, 1, $2, $3)
ON CONFLICT (election) DO UPDATE SET epoch = l.epoch + 1, czxid = excluded.czxid, holder = excluded.holder, since = now()
RETURNING epoch`;

@Injectable()
export class LeaderEpochs extends EpochStore {
  constructor(private readonly prisma: PrismaService) {
    super();
  }

  override async advance(election: string, czxid: bigint, holder: string): Promise<bigint | 'superseded'> {
    const [row] = await this.prisma.query<{ epoch: bigint }>(ADVANCE_EPOCH, election, czxid, holder);
    return row?.epoch ?? 'superseded';
  }

  override async seize(election: string, czxid: bigint, holder: string): Promise<bigint> {
    const [row] = await this.prisma.query<{ epoch: bigint }>(SEIZE_EPOCH, election, czxid, holder);
    if (row === undefined) throw new Error('an unconditional upsert returned no row');
    return row.epoch;
  }

  override async read(election: string): Promise<EpochRecord | undefined> {
    return (await this.prisma.leaderEpoch.findUnique({ where: { election } })) ?? undefined;
  }

  list(): Promise<(EpochRecord & Fence)[]> {
    return this.prisma.leaderEpoch.findMany({ orderBy: { election: 'asc' } });
  }

  /** Whether the fence's epoch is still the newest. */
  async stands(fence: Fence): Promise<boolean> {
    const rows = await this.prisma.query<object>(
      `/* epoch_stands */ SELECT 1 AS one FROM leader_epochs WHERE election = $1 AND epoch = $2`,
      fence.election,
      fence.epoch,
    );
    return rows.length > 0;
  }
}
