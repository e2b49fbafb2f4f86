/** grpcapi.CoordinatorService: where programs hand tasks straight to TaskMaster's coordinator. */
import { Injectable } from '@nestjs/common';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { unary, type GrpcService } from '../grpc/calls.js';
import { idempotencyKeyOf } from '../grpc/idempotency-key.js';
import { ShellCommands } from './shell-commands.js';

export const COORDINATOR_PROTO = 'grpcapi.proto';
const NAME = 'grpcapi.CoordinatorService';

@Injectable()
export class CoordinatorGrpcService {
  readonly service: GrpcService = {
    name: NAME,
    definition: serviceOf(loadProtos(COORDINATOR_PROTO), NAME),
    methods: {
      SubmitTask: unary(
        'submit',
        async ({ data: command = '' }: { readonly data?: string }, { metadata, caller }) => {
          const idempotencyKey = idempotencyKeyOf(metadata);
          const { id } = await this.commands.submit(
            NAME,
            { command, idempotencyKey },
            { 'payload.command': 'data' },
            caller,
          );
          return { message: 'Task submitted successfully', taskId: id };
        },
      ),
    },
  };

  constructor(private readonly commands: ShellCommands) {}
}
