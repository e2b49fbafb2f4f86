/** grpcapi.CoordinatorService: where programs hand tasks straight to TaskMaster's coordinator. */
import { Injectable } from '@nestjs/common';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { unary, type GrpcService } from '../grpc/calls.js';
import { ShellCommands } from './shell-commands.js';

export const COORDINATOR_PROTO = 'grpcapi.proto';
const NAME = 'grpcapi.CoordinatorService';

@Injectable()
export class CoordinatorGrpcService {
  readonly service: GrpcService = {
    name: NAME,
    definition: serviceOf(loadProtos(COORDINATOR_PROTO), NAME),
    methods: {
      SubmitTask: unary(async ({ data: command = '' }: { readonly data?: string }) => {
        const { id } = await this.commands.submit(NAME, { command }, { 'payload.command': 'data' });
        return { message: 'Task submitted successfully', taskId: id };
      }),
    },
  };

  constructor(private readonly commands: ShellCommands) {}
}
