/** GET /api/v1/jobs/{id}/why: what a job waits for, in one sentence and in data. docs/WHY.md explains each reason. */
import { Controller, Get, Param } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import type { Json } from '#common/domain/job.js';
import { sentenceOf } from '#common/domain/why-sentences.js';
import type { Reason } from '#common/domain/why-reasons.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation } from '../http/operation.js';
import { Problem } from '../http/problem.js';
import { ValidationPipe } from '../http/validation.js';
import { jobIdSchema } from './job.schemas.js';
import { explainJob } from './why.operations.js';
import { WhyService } from './why.service.js';
import type { ReasonView, WhyView } from './why.views.js';

@Controller('api/v1/jobs')
export class WhyController {
  constructor(private readonly service: WhyService) {}

  @Get(':id/why')
  @Requires('read')
  @Operation(explainJob)
  async get(
    @Param({ schema: jobIdSchema, pipes: [new ValidationPipe('bad-request')] }) { id }: { id: string },
    @CalledBy() caller: Caller,
  ): Promise<WhyView> {
    const explained = await this.service.explain(id, caller);
    if (explained === undefined) throw new Problem('not-found', `There is no job with id ${id}.`);
    const { job, reasons } = explained;
    const [first, ...also] = reasons;
    return { jobId: job.id, state: job.state, ...presentReason(first), also: also.map(presentReason) };
  }
}

function presentReason(reason: Reason): ReasonView {
  const { kind, aboutMs, ...facts } = reason;
  return {
    reason: kind,
    sentence: sentenceOf(reason),
    about: aboutMs === null ? null : Math.round(aboutMs),
    // Times become text here and nowhere else.
    facts: JSON.parse(JSON.stringify(facts)) as Readonly<Record<string, Json>>,
  };
}
