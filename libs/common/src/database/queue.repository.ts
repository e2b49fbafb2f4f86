/** The names of all queues. A queue comes into being when the first job is submitted to it. */
import { Injectable } from '@nestjs/common';
import { Notifier } from './notifications.js';
import { PrismaService } from './prisma.service.js';

@Injectable()
export class QueueRepository {
  readonly #known = new Set<string>();

  constructor(
    private readonly prisma: PrismaService,
    private readonly notifier: Notifier,
  ) {}

  /** Makes sure that the queue exists; only the first call for a name in this process asks the database. */
  async ensure(name: string): Promise<void> {
    if (this.#known.has(name)) return;
    const created = await this.prisma.query<object>(
      `/* ensure_queue */ INSERT INTO queues (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING name`,
      name,
    );
    this.#known.add(name);
    if (created.length > 0) this.notifier.send('queues');
  }

  async names(): Promise<string[]> {
    const rows = await this.prisma.query<{ name: string }>(
      `/* queue_names */ SELECT name FROM queues ORDER BY name`,
    );
    return rows.map(({ name }) => name);
  }
}
