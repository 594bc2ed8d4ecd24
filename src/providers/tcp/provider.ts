/**
 * The TCP/IP provider: the one that is always there, whose sockets are what the application would have had without the
 * switch. It is asked in the platform's own terms and not through the SPI, since the SPI's transfers are messages between
 * two registered memories and TCP/IP moves a byte stream.
 */
import type { ProtocolInfo } from '../../spi/types.js';
import { connectTcp } from './connect.js';
import { listenTcp } from './listen.js';
import { checkTcpContext, discardTcp, releaseTcp, takeOverTcp } from './take-over.js';
import { TcpTransport } from './transport.js';

/** The TCP/IP provider's protocol information, handed to every SAN provider at its start (rule 1.1). */
export const TCP_INFO: ProtocolInfo = {
  name: 'tcp',
  claimsMessageBuffers: false,
  lendsReceives: false,
  virtualPorts: false,
};

/** What the switch asks of TCP/IP. It holds no state of its own, so starting (1.1) and cleaning up (1.5) are nothing to do. */
export const tcpProvider = {
  name: 'tcp',
  info: TCP_INFO,
  connect: connectTcp,
  listen: listenTcp,
  Transport: TcpTransport,
  checkContext: checkTcpContext,
  takeOver: takeOverTcp,
  discard: discardTcp,
  release: releaseTcp,
} as const;

/** Its type, for those who are handed it. */
export type TcpProvider = typeof tcpProvider;
