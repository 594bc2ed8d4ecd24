/** Events of connections (VerbsCm), read out of the engine's ring. */
import { SocketAddress as PlatformAddress } from 'node:net';
import {
  VERBS_CM_CONNECTION_WORD,
  VERBS_CM_EVENT_WORD,
  VERBS_CM_FAMILY_WORD,
  VERBS_CM_LISTENER_WORD,
  VERBS_CM_LOCAL_ADDRESS,
  VERBS_CM_LOCAL_PORT,
  VERBS_CM_PRIVATE_BYTES_WORD,
  VERBS_CM_PRIVATE_DATA,
  VERBS_CM_REMOTE_ADDRESS,
  VERBS_CM_REMOTE_PORT,
  VERBS_CM_STATUS_WORD,
} from '../../layout/layout.gen.js';
import type { SocketAddress } from '../../spi/types.js';

/** One event. */
export interface CmEvent {
  /** VERBS_CM_*. */
  readonly event: number;
  /** The connection's handle; 0: it is of a listener. */
  readonly connection: number;
  readonly listener: number;
  /** A negated errno, or why the peer has rejected. */
  readonly status: number;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** What the peer has sent along, perhaps padded. A copy. */
  readonly privateData: Uint8Array;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function readAddress(bytes: Uint8Array, at: number, family: number, port: number): SocketAddress {
  if (family === 4) {
    return { family: 4, address: `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`, port };
  }
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[at + 2 * i] as number) << 8) | (bytes[at + 2 * i + 1] as number)).toString(16),
  );
  const { address } = new PlatformAddress({ family: 'ipv6', address: groups.join(':') });
  // A caller by IPv4 at a listener that takes both.
  const mapped = MAPPED.exec(address)?.[1];
  return mapped === undefined ? { family: 6, address, port } : { family: 4, address: mapped, port };
}

/** Reads the record whose payload starts at byte `at`. */
export function readCmEvent(bytes: Uint8Array, words: Int32Array, at: number): CmEvent {
  const word = at >>> 2;
  const family = words[word + VERBS_CM_FAMILY_WORD] as number;
  const port = (offset: number): number => (bytes[at + offset] as number) | ((bytes[at + offset + 1] as number) << 8);
  const privateAt = at + VERBS_CM_PRIVATE_DATA;
  return {
    event: words[word + VERBS_CM_EVENT_WORD] as number,
    connection: words[word + VERBS_CM_CONNECTION_WORD] as number,
    listener: words[word + VERBS_CM_LISTENER_WORD] as number,
    status: words[word + VERBS_CM_STATUS_WORD] as number,
    local: readAddress(bytes, at + VERBS_CM_LOCAL_ADDRESS, family, port(VERBS_CM_LOCAL_PORT)),
    remote: readAddress(bytes, at + VERBS_CM_REMOTE_ADDRESS, family, port(VERBS_CM_REMOTE_PORT)),
    privateData: new Uint8Array(
      bytes.subarray(privateAt, privateAt + (words[word + VERBS_CM_PRIVATE_BYTES_WORD] as number)),
    ),
  };
}
