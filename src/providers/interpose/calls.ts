/** Every call that crosses the SPI by its name, and which of two shapes a failure has (see `spi/provider.ts`). */
import type { ExtensionName, SanProvider, UpcallTable } from '../../spi/provider.js';

/** A `WSP*` function, extension functions among them. */
export type DowncallName = keyof SanProvider | ExtensionName;
/** A `WPU*` function. */
export type UpcallName = keyof UpcallTable;

/** Downcalls whose only result is a status: their failures are return values, those of all others are thrown. */
const STATUS_CALLS = [
  'WSPBind',
  'WSPSetSockOpt',
  'WSPListen',
  'WSPConnect',
  'WSPEventSelect',
  'WSPSend',
  'WSPRecv',
  'WSPClaimMessageBuffer',
  'WSPAllocateMessageBuffer',
  'WSPReturnMemory',
  'WSPCloseSocket',
  'WSPDeregisterMemory',
  'WSPDeregisterRdmaMemory',
  'WSPRdmaRead',
  'WSPRdmaWrite',
] as const satisfies readonly DowncallName[];

const statusCalls: ReadonlySet<DowncallName> = new Set(STATUS_CALLS);

/** Does this downcall report failure by its return value? */
export function returnsStatus(name: DowncallName): boolean {
  return statusCalls.has(name);
}
