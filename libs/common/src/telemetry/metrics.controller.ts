/**
 * GET /metrics, in the text format of Prometheus: whether this service can do its work, and how its process fares.
 */
import { Controller, Get, Header, Inject } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Requires } from '#common/access/requires.js';
import { READINESS_CHECKS, runChecks, type ReadinessCheck } from '#common/health/health.controller.js';

@Controller('metrics')
export class MetricsController {
  readonly #registry = new Registry();
  readonly #ready = new Gauge({
    name: 'triumvir_ready',
    help: 'Whether the service has what it needs in order to do its work: 1 or 0, for each check of /health/ready.',
    labelNames: ['check'],
    registers: [this.#registry],
  });

  constructor(@Inject(READINESS_CHECKS) private readonly checks: ReadinessCheck[]) {
    collectDefaultMetrics({ register: this.#registry });
  }

  @Get()
  @Requires('read')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  async metrics(): Promise<string> {
    const { checks } = await runChecks(this.checks);
    for (const [check, result] of Object.entries(checks)) this.#ready.set({ check }, result === 'ok' ? 1 : 0);
    return this.#registry.metrics();
  }
}
