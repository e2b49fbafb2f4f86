/**
 * Which addresses a job may make this executor talk to. Whoever may submit jobs must not get through to what only the
 * executor can reach: itself, its network, the metadata service of its cloud. Reasons: docs/decisions/0015-http-guard.md.
 */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<Address[]>;

/** Thrown when a host is, or resolves to, an address that jobs may not reach. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** IPv4 that is not public: RFC 6890 and its successors, and a cloud's metadata service on a public address. */
const NOT_PUBLIC_4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];
/** All that is public in IPv6 … */
const GLOBAL_6 = ['2000::/3'];
/** … but what tunnels to an IPv4 address, is kept for protocols, or for documentation. */
const NOT_PUBLIC_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

export class AddressGuard {
  readonly #notPublic = blockList([...NOT_PUBLIC_4, ...NOT_PUBLIC_6]);
  readonly #global6 = blockList(GLOBAL_6);
  readonly #allowed: BlockList;

  /** @param allowed networks that may be reached although they are not public */
  constructor(
    allowed: readonly string[],
    private readonly resolve: Resolve = resolveAll,
  ) {
    this.#allowed = blockList(allowed);
  }

  /**
   * Resolves a host once. The connection must be made to what this returns, and to nothing that is resolved later.
   * @param hostname of a URL, so IPv6 addresses stand in brackets
   * @throws AddressRefused when it has an address that may not be reached, even among others that may
   */
  async addressesOf(hostname: string): Promise<Address[]> {
    const literal = hostname.replace(/^\[(.*)\]$/, '$1');
    const version = isIP(literal);
    const addresses =
      version === 0 ? await this.resolve(hostname) : [{ address: literal, family: version as 4 | 6 }];
    if (addresses.length === 0) throw new Error(`${hostname} has no address`);
    // Not said is what a name inside resolves to.
    if (!addresses.every((address) => this.#mayReach(address)))
      throw new AddressRefused(
        `${hostname} is not a public address; EXECUTOR_HTTP_ALLOW names the networks that may be reached all the same`,
      );
    return addresses;
  }

  #mayReach({ address, family }: Address): boolean {
    // The zone of a link-local address says which interface, not which network.
    const [plain = ''] = address.split('%');
    const type = family === 4 ? 'ipv4' : 'ipv6';
    if (this.#allowed.check(plain, type)) return true;
    if (this.#notPublic.check(plain, type)) return false;
    return family === 4 || this.#global6.check(plain, type);
  }
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const type = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (type === 'ipv6' ? 128 : 32) : Number(bits), type);
  }
  return list;
}

async function resolveAll(hostname: string): Promise<Address[]> {
  const found = await lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}
