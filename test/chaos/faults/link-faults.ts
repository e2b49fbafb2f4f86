/** Networks that fail: every kind of connection is cut, falls silent, is slow, or is torn in the middle of a message. */
import { SERVICE_KINDS, type ServiceKind } from '#tools/services.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { TALKS_TO, type ServerKind } from '../system/links.js';
import type { Fault, FaultContext } from './fault.js';

const HOLD_MS = 7000;
/** On top of what is usual, there and back, in milliseconds. */
const ROUND_TRIP_MS = 2000;
/** Of the server's messages every so many-th is cut off in its middle. */
const TORN_EVERY = 8;

const MODES: Readonly<Record<string, (proxy: TcpProxy) => void>> = {
  cut: (proxy) => proxy.refuse(),
  silent: (proxy) => proxy.fallSilent(),
  slow: (proxy) => (proxy.delayMs = ROUND_TRIP_MS / 2),
  torn: (proxy) => {
    let seen = 0;
    proxy.filterReplies((chunk) => {
      seen += 1;
      return seen % TORN_EVERY === 0 ? { cutAfter: chunk.subarray(0, Math.ceil(chunk.length / 2)) } : chunk;
    });
  },
};

/** After the end of the trouble, as if the server had been away; without ZooKeeper nothing has to stop at all. */
const BOUND_MS: Readonly<Record<ServerKind, number>> = { postgres: 2000, redis: 5000, zookeeper: 500 };

/** All services of a kind, or one of them: for schedulers the leader, since the others do nothing. */
async function victims(kind: ServiceKind, { system, random }: FaultContext): Promise<string[]> {
  if (random.chance(0.5)) return system.of(kind).map(({ id }) => id);
  const one = kind === 'scheduler' ? await system.leader('scheduler/shard-0') : random.pick(system.of(kind));
  return [one.id];
}

export const LINK_FAULTS: readonly Fault[] = Object.entries(MODES).flatMap(([mode, spoil]) =>
  SERVICE_KINDS.flatMap((kind) =>
    TALKS_TO[kind].map((server): Fault => {
      return {
        name: `link-${mode}:${kind}-${server}`,
        harms: server,
        // The lease is renewed in Postgres, and only there. What is lost between others are hints, or answers to what is
        // fenced: BullMQ may redeliver what an executor without Redis has taken, but its delivery is void by then.
        ...(kind === 'executor' && server === 'postgres' ? { mayRepeat: true as const } : {}),
        holdMs: HOLD_MS,
        measuredFrom: server === 'zookeeper' ? 'start' : 'end',
        boundMs: BOUND_MS[server],
        inject: async (context) => {
          const proxies = context.system.links.between(await victims(kind, context), server);
          for (const proxy of proxies) spoil(proxy);
          return () => {
            for (const proxy of proxies) proxy.heal();
          };
        },
      };
    }),
  ),
);
