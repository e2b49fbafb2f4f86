/** triumvir.v1.WorkerService: leases for workers outside, as in the REST API, for gRPC clients. */
import { Injectable } from '@nestjs/common';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { AuditLog } from '../audit/audit-log.js';
import { BATCH_LIMIT_BYTES } from '../http/bodies.js';
import { Problem } from '../http/problem.js';
import { checked } from '../http/validation.js';
import { LeaseBatchService, readLeaseItem } from '../workers/lease-batch.service.js';
import { LeaseDesk } from '../workers/lease-desk.js';
import {
  announcedTypeSchema,
  leaseBatchSchema,
  leaseRequestSchema,
  typeNameSchema,
  type LeaseActionName,
} from '../workers/lease.schemas.js';
import { LeaseService } from '../workers/lease.service.js';
import type { LeaseBatchResult } from '../workers/lease.views.js';
import { requireQueues } from '../workers/required-queues.js';
import { WorkerTypes } from '../workers/worker-types.js';
import { unary, type Call, type GrpcService, type Method } from './calls.js';
import { statusMessage } from './status.js';
import { jsonOfStruct, type StructMessage } from './struct.js';
import {
  answerMessage,
  leaseMessage,
  leaseRequestOf,
  reportOf,
  type LeaseJobsMessage,
  type ReportMessage,
} from './worker-message.js';

export const WORKERS_PROTO = 'triumvir/v1/workers.proto';
const NAME = 'triumvir.v1.WorkerService';
const PROTOS = loadProtos(WORKERS_PROTO);
const LEASE = PROTOS['triumvir.v1.Lease'] as MessageTypeDefinition<object, object>;

/** Most clients take no larger message than 4 MB unless they are told to. */
const ANSWER_BYTES = 4_000_000;

interface AnnounceTypeMessage {
  readonly type?: string;
  readonly payloadSchema?: StructMessage;
}

@Injectable()
export class WorkersGrpcService {
  readonly service: GrpcService = {
    name: NAME,
    definition: serviceOf(PROTOS, NAME),
    methods: {
      AnnounceType: unary('operate', (request: AnnounceTypeMessage, call) => this.#announce(request, call)),
      LeaseJobs: unary('operate', (request: LeaseJobsMessage, call) => this.#lease(request, call)),
      Heartbeat: this.#report('heartbeat'),
      AppendOutput: this.#report('output'),
      CompleteJob: this.#report('complete'),
      FailJob: this.#report('fail'),
      SnoozeJob: this.#report('snooze'),
      ReleaseJob: this.#report('release'),
      ConfirmCancel: this.#report('cancelled'),
      ReportMany: unary(
        'operate',
        (request: { readonly reports?: readonly ReportOneof[] }) => this.#reportMany(request),
        BATCH_LIMIT_BYTES,
      ),
    },
  };

  constructor(
    private readonly desk: LeaseDesk,
    private readonly leases: LeaseService,
    private readonly batches: LeaseBatchService,
    private readonly types: WorkerTypes,
    private readonly audit: AuditLog,
  ) {}

  async #announce({ type, payloadSchema }: AnnounceTypeMessage, { caller }: Call): Promise<object> {
    const name = checked(typeNameSchema.shape.name, type, 'validation-failed', ['type']);
    const schema = payloadSchema && jsonOfStruct(payloadSchema);
    const announced = checked(announcedTypeSchema, { payloadSchema: schema }, 'validation-failed');
    const audited = { action: `${NAME}/AnnounceType`, target: name };
    const isNew = await this.audit.recorded(caller, audited, () => {
      caller.requireAllQueues();
      return this.types.announce({ type: name, ...announced });
    });
    return { isNew };
  }

  async #lease(request: LeaseJobsMessage, { caller, signal }: Call): Promise<object> {
    const wanted = checked(leaseRequestSchema, leaseRequestOf(request), 'validation-failed');
    requireQueues(wanted, caller);
    await this.types.checkLeasable(wanted.types);
    const leases = await this.desk.take(wanted, signal);
    const messages = leases.map(leaseMessage);
    const fitting = countThatFits(messages);
    this.desk.giveBack(leases.slice(fitting));
    return { leases: messages.slice(0, fitting) };
  }

  #report(action: LeaseActionName): Method {
    return unary('operate', async (request: ReportMessage) => {
      const { jobId, action: checkedAction } = readLeaseItem(reportOf(action, request));
      return answerMessage(await this.leases.act(jobId, checkedAction));
    });
  }

  async #reportMany({ reports = [] }: { readonly reports?: readonly ReportOneof[] }): Promise<object> {
    const items = reports.map((report) => {
      const [action, message = {}] = Object.entries(report)[0] ?? [];
      return reportOf(action as LeaseActionName | undefined, message);
    });
    const actions = checked(leaseBatchSchema.shape.actions, items, 'validation-failed', ['reports']);
    return { results: (await this.batches.act(actions)).map(resultMessage) };
  }
}

/** The one call that a report is, by the name of its action. */
type ReportOneof = { readonly [Action in LeaseActionName]?: ReportMessage };

/** Of leases that come first, and at least one. */
function countThatFits(leases: readonly object[]): number {
  let bytes = 0;
  const end = leases.findIndex((lease, index) => {
    bytes += LEASE.serialize(lease).length;
    return bytes > ANSWER_BYTES && index > 0;
  });
  return end === -1 ? leases.length : end;
}

function resultMessage(result: LeaseBatchResult): object {
  if (!('error' in result)) return { accepted: answerMessage(result) };
  const { kind, detail, errors } = result.error;
  return { refused: statusMessage(new Problem(kind, detail, errors)) };
}
