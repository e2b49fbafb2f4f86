/**
 * The guard in front of every gRPC call, reflection included: it looks at the metadata before a message is read. A method
 * that does not say who may call it is refused.
 */
import {
  ServerInterceptingCall,
  ServerListenerBuilder,
  type Metadata,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import type { Scope } from '#common/domain/access.js';
import type { AccessService } from '../access/access.service.js';
import { presentedKey } from '../access/api-key-text.js';
import { Caller } from '../access/caller.js';
import { toProblem } from '../http/problem.filter.js';
import { Problem } from '../http/problem.js';
import { grpcStatus } from './status.js';

/** Reflection tells what the .proto files say, as /openapi.json does. */
const REFLECTION = '/grpc.reflection.';

/** By the metadata of their call, which the method is given too. */
const callers = new WeakMap<Metadata, Caller>();

/** Who makes the call that came with this metadata. @throws Error when it did not pass the guard */
export function callerOf(metadata: Metadata): Caller {
  const caller = callers.get(metadata);
  if (caller === undefined) throw new Error('a call was made past the guard');
  return caller;
}

/** @param scopes what each method needs, by its path */
export function guardCalls(
  access: AccessService,
  scopes: ReadonlyMap<string, Scope | 'nothing'>,
): ServerInterceptor {
  return ({ path }, call) => {
    const scope = scopes.get(path) ?? (path.startsWith(REFLECTION) ? 'read' : undefined);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        const listener = new ServerListenerBuilder()
          .withOnReceiveMetadata((metadata, proceed) => {
            try {
              callers.set(metadata, admit(access, scope, metadata, call.getPeer()));
            } catch (error) {
              call.sendStatus(grpcStatus(toProblem(error)));
              return;
            }
            proceed(metadata);
          })
          .build();
        next(listener);
      },
    });
  };
}

/** @throws Problem when the call may not be made */
function admit(
  access: AccessService,
  scope: Scope | 'nothing' | undefined,
  metadata: Metadata,
  peer: string,
): Caller {
  if (scope === 'nothing') return Caller.nobody(peer);
  const text = (name: string) => metadata.get(name)[0]?.toString();
  const authorization = text('authorization');
  const key = presentedKey({
    ...(authorization !== undefined && { authorization }),
    'x-api-key': text('x-api-key'),
  });
  if (scope === undefined)
    throw new Problem('forbidden', 'Nobody may call this method: it does not say who may.');
  return access.authorise(key, { scope }, peer);
}
