/** The routing table (rules 1.2, 1.3, 3.1): local subnet -> provider, longest prefix first. */
import type { ServedSubnet } from '../spi/types.js';
import { isWildcard, type ParsedAddress, parseAddress, samePrefix } from './addresses.js';
import type { RunningProvider } from './running-provider.js';

interface Route {
  readonly family: 4 | 6;
  readonly bits: bigint;
  readonly prefixLength: number;
  readonly provider: RunningProvider;
}

/** Answers for addresses that were asked for lately. */
const CACHE_ENTRIES = 1_024;

/** All routes of one switch. */
export class RouteTable {
  private routes: Route[] = [];
  private readonly providers: readonly RunningProvider[];
  private readonly cache = new Map<string, readonly RunningProvider[]>();

  /** @param providers in the order of preference, which decides among equal prefixes */
  constructor(providers: readonly RunningProvider[]) {
    this.providers = providers;
    this.rebuild();
  }

  /** Reads the providers' subnets anew. */
  rebuild(): void {
    this.cache.clear();
    const routes = this.providers.flatMap((provider) => provider.subnets.map((subnet) => routeOf(provider, subnet)));
    // A stable sort: equal prefixes stay in the order of preference.
    this.routes = routes.sort((a, b) => b.prefixLength - a.prefixLength);
  }

  /** Who serves an address, the best first; nobody: TCP/IP (rule 3.1). */
  lookup(address: ParsedAddress): readonly RunningProvider[] {
    const known = this.cache.get(address.address);
    if (known !== undefined) return known;
    const serving = new Set<RunningProvider>();
    for (const { family, bits, prefixLength, provider } of this.routes) {
      if (family === address.family && samePrefix(family, bits, address.bits, prefixLength)) serving.add(provider);
    }
    const found = [...serving];
    if (this.cache.size >= CACHE_ENTRIES) this.cache.clear();
    this.cache.set(address.address, found);
    return found;
  }

  /**
   * The family in which a provider's companion listens beside a TCP/IP listener (rule 4.1); null: it serves nothing there.
   * @param dual the wildcard `::` takes IPv4 as well
   */
  listenFamily(provider: RunningProvider, address: ParsedAddress, dual: boolean): 4 | 6 | null {
    if (!isWildcard(address)) return this.lookup(address).includes(provider) ? address.family : null;
    const serves = (family: 4 | 6) => provider.subnets.some((subnet) => subnet.family === family);
    if (serves(address.family)) return address.family;
    return dual && serves(4) ? 4 : null;
  }
}

function routeOf(provider: RunningProvider, { family, address, prefixLength }: ServedSubnet): Route {
  // Checked when the provider answered.
  const parsed = parseAddress(address) as ParsedAddress;
  return { family, bits: parsed.bits, prefixLength, provider };
}
