/** A SAN provider that has started: what the switch and its sessions need of it. */
import type { ExtensionFunctions, SanProvider } from '../spi/provider.js';
import type { ProtocolInfo } from '../spi/types.js';

/** A provider after start-up. */
export interface StartedProvider {
  /** As configured; stands in decision records, counters and `socket.provider`. */
  readonly name: string;
  readonly spi: SanProvider;
  readonly info: ProtocolInfo;
  /** The extension functions that it answered (rule 1.4); the optional ones may be missing. */
  readonly extensions: Partial<ExtensionFunctions>;
}
