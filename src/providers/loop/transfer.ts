/** The transfers of a `LoopProvider`: claims, sends, receives and RDMA (section 5). */
import {
  NO_ERROR,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
  WSAEWOULDBLOCK,
  type WsaCode,
} from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import type { Overlapped, WsaBuffer } from '../../spi/types.js';
import type { MessageBuffer } from './lending.js';
import { away } from './move.js';
import { Message, placeHeld } from './pipe.js';
import type { LoopSocket } from './socket.js';

const POISON = 0xdd;

/** 0 when the connection stands, else why nothing can be started on it. */
function standing(socket: LoopSocket): WsaCode {
  if (socket.state === 'connected') return away(socket);
  return socket.state === 'broken' ? WSAECONNRESET : WSAENOTCONN;
}

function fault(socket: LoopSocket, code: WsaCode, description: string): WsaCode {
  socket.host.fabric.fault(description);
  return code;
}

/** `WSPClaimMessageBuffer`. @returns 0, WSAEWOULDBLOCK (FD_WRITE follows), WSAEMSGSIZE, or why the connection takes none */
export function claim(socket: LoopSocket, minBytes: number, maxBytes: number, out: WsaBuffer): WsaCode {
  const problem = standing(socket);
  if (problem !== NO_ERROR) return problem;
  const { maxMessageBytes } = socket.host.settings;
  if (!(minBytes >= 0 && minBytes <= maxBytes)) {
    return fault(socket, WSAEINVAL, `a claim of ${minBytes} to ${maxBytes}`);
  }
  if (minBytes > maxMessageBytes) return WSAEMSGSIZE;
  const pipe = socket.out!;
  socket.claim?.release();
  socket.claim = null;
  if (pipe.roomBytes < minBytes) {
    pipe.waitForRoom(minBytes);
    return WSAEWOULDBLOCK;
  }
  const message = new Message(pipe, Math.min(maxBytes, maxMessageBytes, pipe.roomBytes));
  socket.claim = message;
  out.bytes = message.bytes;
  out.offset = message.offset;
  out.length = message.length;
  return NO_ERROR;
}

/** `WSPSend` of what was claimed, or gathered from the switch's own buffers. @returns WSA_IO_PENDING or an error */
export function send(
  socket: LoopSocket,
  buffers: readonly WsaBuffer[],
  count: number,
  overlapped: Overlapped,
): WsaCode {
  const problem = standing(socket);
  if (problem !== NO_ERROR) return problem;
  let length = 0;
  const parts: WsaBuffer[] = [];
  for (let index = 0; index < count; index++) {
    const { bytes, offset, length: partLength } = buffers[index]!;
    if (offset < 0 || partLength < 0 || offset + partLength > bytes.length) {
      return fault(socket, WSAEFAULT, `a send of ${partLength} bytes at ${offset} of ${bytes.length}`);
    }
    length += partLength;
    parts.push({ bytes, offset, length: partLength });
  }
  if (length > socket.host.settings.maxMessageBytes) return WSAEMSGSIZE;
  if (socket.claim !== null) return sendClaimed(socket, socket.claim, parts, overlapped);
  const pipe = socket.out!;
  let message: Message | null = null;
  if (socket.host.settings.claimsMessageBuffers) {
    if (pipe.roomBytes < length) {
      pipe.waitForRoom(length);
      return WSAEWOULDBLOCK;
    }
    message = new Message(pipe, length);
    let at = message.offset;
    for (const part of parts) {
      message.bytes.set(part.bytes.subarray(part.offset, part.offset + part.length), at);
      at += part.length;
    }
  }
  const buffer = takeMessageBuffer(socket, parts);
  if (buffer?.guardsStand === false) {
    buffer.release();
    return fault(socket, WSAEFAULT, `more than the ${buffer.length} bytes of a message buffer were written`);
  }
  pipe.push({ kind: 'message', overlapped, parts, buffer, message });
  return socket.accept(overlapped);
}

/** The message buffer that a send is for, if it is for one: from now on it is on its way. */
function takeMessageBuffer(socket: LoopSocket, parts: readonly WsaBuffer[]): MessageBuffer | null {
  const { messageBuffer: buffer } = socket;
  const [part] = parts;
  if (buffer === null || part === undefined || part.bytes !== buffer.bytes || parts.length > 1) return null;
  if (part.offset !== buffer.offset) return null;
  socket.messageBuffer = null;
  return buffer;
}

function sendClaimed(socket: LoopSocket, message: Message, parts: WsaBuffer[], overlapped: Overlapped): WsaCode {
  const part = parts[0];
  if (parts.length !== 1 || part!.bytes !== message.bytes || part!.offset !== message.offset) {
    return fault(socket, WSAEINVAL, 'a claim stands, and the send is not for it');
  }
  if (part!.length > message.length || !message.guardsStand) {
    return fault(socket, WSAEFAULT, `more than the claimed ${message.length} bytes were written`);
  }
  message.shrink(part!.length);
  socket.claim = null;
  socket.out!.push({ kind: 'message', overlapped, parts: [], buffer: null, message });
  return socket.accept(overlapped);
}

/** `WSPRecv`, into a buffer or to be lent the message. @returns WSA_IO_PENDING or an error */
export function receive(
  socket: LoopSocket,
  buffers: readonly WsaBuffer[],
  count: number,
  overlapped: Overlapped,
): WsaCode {
  // On a broken connection it fails later: after the completions of what came before (7.3).
  if (socket.state !== 'connected' && socket.state !== 'broken') return WSAENOTCONN;
  const { lendsReceives, poison } = socket.host.settings;
  if (count > 1 || (count === 0 && (!lendsReceives || (overlapped.hEvent & 1) !== 0))) {
    return fault(socket, WSAEINVAL, `a receive with ${count} buffers`);
  }
  let buffer: WsaBuffer | null = null;
  if (count === 1) {
    const { bytes, offset, length } = buffers[0]!;
    if (offset < 0 || length < 0 || offset + length > bytes.length) {
      return fault(socket, WSAEFAULT, `a receive of ${length} bytes at ${offset} of ${bytes.length}`);
    }
    if (poison) bytes.fill(POISON, offset, offset + length);
    buffer = { bytes, offset, length };
  }
  socket.receives.push({ overlapped, buffer });
  const pending = socket.accept(overlapped);
  placeHeld(socket);
  return pending;
}

/** `WSPRdmaRead` and `WSPRdmaWrite`; whether the peer's memory may be reached shows when the transfer runs (rule 6.1). */
export function rdma(
  socket: LoopSocket,
  write: boolean,
  local: RdmaLocalBuffer,
  descriptor: Uint8Array,
  remoteOffset: number,
  overlapped: Overlapped,
): WsaCode {
  const problem = standing(socket);
  if (problem !== NO_ERROR) return problem;
  const { settings, memory } = socket.host;
  if (local.length > settings.maxRdmaBytes) return fault(socket, WSAEMSGSIZE, `a transfer of ${local.length} bytes`);
  const localRegistration = memory.localRange(local);
  if (typeof localRegistration === 'string') return fault(socket, WSAEFAULT, localRegistration);
  localRegistration.uses += 1;
  const { bytes, offset, length, handle } = local;
  socket.out!.push({
    kind: 'rdma',
    overlapped,
    write,
    local: { bytes, offset, length, handle },
    localRegistration,
    descriptor: new Uint8Array(descriptor),
    remoteOffset,
    remote: null,
  });
  return socket.accept(overlapped);
}
