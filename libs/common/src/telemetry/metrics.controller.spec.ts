import { expect, test } from 'vitest';
import { MetricsController } from './metrics.controller.js';

test('what a service lacks shows in one metric, check by check, and is gone when it has it again', async () => {
  let redis: string | undefined = 'not connected';
  const controller = new MetricsController([
    { name: 'postgres', check: () => undefined },
    { name: 'redis', check: () => redis },
  ]);
  const text = await controller.metrics();
  expect(text).toContain('triumvir_ready{check="postgres"} 1');
  expect(text).toContain('triumvir_ready{check="redis"} 0');
  expect(text).toContain('process_resident_memory_bytes');
  redis = undefined;
  expect(await controller.metrics()).toContain('triumvir_ready{check="redis"} 1');
});
