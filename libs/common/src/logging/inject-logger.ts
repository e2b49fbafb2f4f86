/** Injects the process's logger, which is winston's own type and therefore needs a token. */
import { Inject } from '@nestjs/common';

export const LOGGER = Symbol('logger');

export const InjectLogger = () => Inject(LOGGER);
