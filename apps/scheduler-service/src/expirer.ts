/** Expires: ends the jobs that have not started before their `expiresAt`, as soon as it has passed. */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { ExpiryRepository } from '#common/database/expiry.repository.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';

/** Jobs ended by one statement, so that none holds its locks for long. */
const EXPIRE_LIMIT = 1000;
/** A new job may expire sooner than all before it: the expirer looks this often, in milliseconds. */
const LOOK_EVERY_MS = 1000;
/** What is overdue and was left alone is just being started by somebody; in milliseconds. */
const LOCKED_PAUSE_MS = 50;

@Injectable()
export class Expirer {
  constructor(
    private readonly repository: ExpiryRepository,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** One look. @returns how long nothing will expire, in milliseconds, as far as is known */
  async expire(term: Term): Promise<number> {
    const nextInMs = await this.repository.nextInMs();
    if (nextInMs === null) return LOOK_EVERY_MS;
    if (nextInMs > 0) return Math.min(Math.ceil(nextInMs), LOOK_EVERY_MS);
    const expired = await this.repository.expire(term, EXPIRE_LIMIT);
    if (expired === 'fenced') {
      term.fenced();
      return 0;
    }
    if (expired === 0) return LOCKED_PAUSE_MS;
    this.log.info('jobs expired', { expired });
    return 0;
  }
}
