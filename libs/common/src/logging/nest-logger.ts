/** Lets Nest write its own messages through our logger; its chatter about routes and modules is for debugging only. */
import type { LoggerService } from '@nestjs/common';
import type { Logger } from './logger.js';

export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.logger.debug(String(message), context(rest));
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.logger.warn(String(message), context(rest));
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.logger.error(String(message), context(rest));
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.logger.error(String(message), context(rest));
  }
}

/** Nest passes a stack, if there is one, and the name of the class that speaks last. */
function context(rest: unknown[]): Record<string, unknown> {
  return { from: rest.at(-1), ...(rest.length > 1 ? { stack: rest[0] } : {}) };
}
