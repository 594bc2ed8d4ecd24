/** `WSPRdmaRead` and `WSPRdmaWrite` (rules 5.6, 5.7). Whether the peer's memory may be reached, its device decides (rule 6.1). */
import { VERBS_OP_READ, VERBS_OP_WRITE } from '../../layout/layout.gen.js';
import { WSA_IO_PENDING, WSAECONNRESET, WSAEFAULT, WSAEMSGSIZE, WSAENOTCONN, type WsaCode } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import type { Overlapped } from '../../spi/types.js';
import { RDMA_BYTES_MAX, readDescriptor } from './memory.js';
import type { VerbsSocket } from './socket.js';
import { Work } from './work-queue.js';

/** @returns WSA_IO_PENDING or an error */
export function transfer(
  socket: VerbsSocket,
  isWrite: boolean,
  local: RdmaLocalBuffer,
  descriptor: Uint8Array,
  remoteOffset: number,
  overlapped: Overlapped,
): WsaCode {
  const { connection, host } = socket;
  if (socket.state !== 'connected' || connection === null) {
    return socket.state === 'broken' ? WSAECONNRESET : WSAENOTCONN;
  }
  if (local.length > RDMA_BYTES_MAX) return WSAEMSGSIZE;
  const registration = host.memory.find(socket, local);
  const remote = readDescriptor(descriptor);
  if (registration === null || remote === null) return WSAEFAULT;
  // An honest descriptor says how far it reaches; the peer's device sees to it in any case.
  if (remoteOffset < 0 || remoteOffset + local.length > remote.bytes) return WSAEFAULT;
  const work = new Work(isWrite ? VERBS_OP_WRITE : VERBS_OP_READ, overlapped, local.length);
  work.region = registration.region;
  work.offset = local.bytes.byteOffset + local.offset - registration.start;
  work.remoteKey = remote.key;
  const address = remote.address + BigInt(remoteOffset);
  work.remoteLow = Number(BigInt.asIntN(32, address));
  work.remoteHigh = Number(BigInt.asIntN(32, address >> 32n));
  overlapped.internal = WSA_IO_PENDING;
  connection.start(work);
  return WSA_IO_PENDING;
}
