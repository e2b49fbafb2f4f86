/** GET /health/live and /health/ready: is the process up, and can it do its work? For orchestrators and for people. */
import { Controller, Get, Inject, Res, type InjectionToken, type Provider } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';

/** One thing a service needs in order to do its work. */
export interface ReadinessCheck {
  /** What is checked, such as postgres. */
  readonly name: string;
  /** Resolves with what is wrong, or with undefined when all is well. It need not limit its own time. */
  readonly check: () => Promise<string | undefined> | string | undefined;
}

export const READINESS_CHECKS = Symbol('readiness checks');

/** A check that takes longer has failed, in milliseconds. */
const CHECK_TIMEOUT_MS = 2000;

export interface HealthReport {
  readonly status: 'ok' | 'unavailable';
  /** For each check `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Runs all checks at once. */
export async function runChecks(checks: readonly ReadinessCheck[]): Promise<HealthReport> {
  const results = await Promise.all(
    checks.map(async ({ name, check }): Promise<[string, string]> => {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<string>((resolve) => {
        timer = setTimeout(() => resolve(`no answer within ${CHECK_TIMEOUT_MS} ms`), CHECK_TIMEOUT_MS);
      });
      try {
        return [name, (await Promise.race([check(), timeout])) ?? 'ok'];
      } catch (error) {
        return [name, error instanceof Error ? error.message : String(error)];
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  return {
    status: results.every(([, result]) => result === 'ok') ? 'ok' : 'unavailable',
    checks: Object.fromEntries(results),
  };
}

@Controller('health')
export class HealthController {
  constructor(@Inject(READINESS_CHECKS) private readonly checks: ReadinessCheck[]) {}

  /** The process runs and its event loop turns. */
  @Get('live')
  @Requires('nothing')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 200 when every check passes, else 503; the body says which does not. */
  @Get('ready')
  @Requires('nothing')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthReport> {
    const report = await runChecks(this.checks);
    reply.status(report.status === 'ok' ? 200 : 503);
    return report;
  }
}

/** Provides the checks of a service, built from its own providers; put it beside HealthController in the service's module. */
export function readinessChecks<Dependencies extends unknown[]>(
  build: (...dependencies: Dependencies) => ReadinessCheck[],
  inject: InjectionToken[],
): Provider {
  return { provide: READINESS_CHECKS, useFactory: build, inject };
}
