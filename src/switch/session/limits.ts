/** What a session may use of its provider, asked once per connection (rule 5.5), and what it tells the peer of it. */
import { ProviderFaultError, showValue } from '../../errors.js';
import {
  CAPABILITY_FLOW_CONTROL,
  CAPABILITY_RDMA_READ,
  CAPABILITY_RDMA_SHARED,
  CAPABILITY_RDMA_WRITE,
} from '../../layout/layout.gen.js';
import { SO_MAX_MSG_SIZE, SO_MAX_RDMA_SIZE, SO_RDMA_THRESHOLD_SIZE, SOL_SOCKET, type Socket } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { type Hello, MESSAGE_BYTES_MIN } from './messages.js';

/** Receive buffers of a session over a provider without flow control: a turn's worth of messages in each direction. */
const RECEIVE_BUFFERS = 32;
/** Bytes: larger messages would only tie memory down; what is large goes by RDMA. */
const CREDIT_MESSAGE_BYTES_MAX = 16_384;
/** Bytes: the largest memory that one offer of a peer can make us allocate. */
const RDMA_BYTES_MAX = 8 * 1024 * 1024;

/** All in bytes but `receiveBuffers`. */
export interface SessionLimits {
  readonly messageBytes: number;
  readonly receiveBuffers: number;
  readonly rdmaThresholdBytes: number;
  /** 0: no RDMA. */
  readonly maxRdmaBytes: number;
}

function sizeOption(provider: StartedProvider, socket: Socket, name: number): number {
  const value = provider.spi.WSPGetSockOpt(socket, SOL_SOCKET, name);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new ProviderFaultError(
      `provider ${provider.name} answers ${showValue(value)} for size option 0x${name.toString(16)}`,
    );
  }
  return value;
}

/**
 * @param receiveBuffers how many to announce, where the default does not fit
 * @throws ProviderFaultError, WsaError
 */
export function sessionLimits(
  provider: StartedProvider,
  socket: Socket,
  receiveBuffers = RECEIVE_BUFFERS,
): SessionLimits {
  const largest = sizeOption(provider, socket, SO_MAX_MSG_SIZE);
  if (largest < MESSAGE_BYTES_MIN) {
    throw new ProviderFaultError(`provider ${provider.name}: messages of ${largest} bytes are too small for a session`);
  }
  return {
    messageBytes: provider.info.claimsMessageBuffers ? largest : Math.min(largest, CREDIT_MESSAGE_BYTES_MAX),
    receiveBuffers,
    rdmaThresholdBytes: sizeOption(provider, socket, SO_RDMA_THRESHOLD_SIZE),
    maxRdmaBytes: Math.min(sizeOption(provider, socket, SO_MAX_RDMA_SIZE), RDMA_BYTES_MAX),
  };
}

/** Our side of the negotiation. */
export function localHello(limits: SessionLimits, { extensions, info }: StartedProvider): Hello {
  const capabilities =
    (extensions.WSPRdmaRead === undefined ? 0 : CAPABILITY_RDMA_READ) |
    (extensions.WSPRdmaWrite === undefined ? 0 : CAPABILITY_RDMA_WRITE | CAPABILITY_RDMA_SHARED) |
    (info.claimsMessageBuffers ? CAPABILITY_FLOW_CONTROL : 0);
  const { receiveBuffers, messageBytes, rdmaThresholdBytes, maxRdmaBytes } = limits;
  return { receiveBuffers, messageBytes, capabilities, rdmaThresholdBytes, maxRdmaBytes };
}
