/** The network of the system under test: a proxy of its own between each service and each server that it uses. */
import type { ServiceKind } from '#tools/services.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

export type ServerKind = 'postgres' | 'redis' | 'zookeeper';

export interface Link {
  readonly service: string;
  readonly kind: ServiceKind;
  readonly server: ServerKind;
  /** One for each server of that kind. */
  readonly proxies: readonly TcpProxy[];
}

/** What each kind of service talks to. */
export const TALKS_TO: Readonly<Record<ServiceKind, readonly ServerKind[]>> = {
  store: ['postgres', 'zookeeper'],
  scheduler: ['postgres', 'zookeeper', 'redis'],
  executor: ['postgres', 'zookeeper', 'redis'],
};

export class Links {
  readonly #links: Link[] = [];

  constructor(private readonly ports: Readonly<Record<ServerKind, readonly number[]>>) {}

  async open(service: string, kind: ServiceKind): Promise<void> {
    for (const server of TALKS_TO[kind]) {
      const proxies = await Promise.all(this.ports[server].map((port) => TcpProxy.to(port)));
      this.#links.push({ service, kind, server, proxies });
    }
  }

  /** The ports through which a service reaches the servers of a kind. */
  portsOf(service: string, server: ServerKind): number[] {
    return this.#links
      .filter((link) => link.service === service && link.server === server)
      .flatMap(({ proxies }) => proxies.map(({ port }) => port));
  }

  /** All connections from some services to some kind of server. */
  between(services: readonly string[], server: ServerKind): TcpProxy[] {
    return this.#links
      .filter((link) => services.includes(link.service) && link.server === server)
      .flatMap(({ proxies }) => proxies);
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.flatMap(({ proxies }) => proxies.map((proxy) => proxy.close())));
  }
}
