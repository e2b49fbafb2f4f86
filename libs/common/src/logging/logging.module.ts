/** Makes the process's logger injectable everywhere. */
import { Module, type DynamicModule } from '@nestjs/common';
import { LOGGER } from './inject-logger.js';
import type { Logger } from './logger.js';

@Module({})
export class LoggingModule {
  static register(log: Logger): DynamicModule {
    return {
      module: LoggingModule,
      global: true,
      providers: [{ provide: LOGGER, useValue: log }],
      exports: [LOGGER],
    };
  }
}
