/** One direction of a connection: messages, RDMA transfers and the end, in the order in which they were started. */
import {
  NO_ERROR,
  WSA_OPERATION_ABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEMSGSIZE,
  WSAETIMEDOUT,
  type WsaCode,
} from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import {
  FD_CLOSE,
  FD_CONNECT,
  FD_WRITE,
  MEM_READ,
  MEM_WRITE,
  type Overlapped,
  type WsaBuffer,
} from '../../spi/types.js';
import type { SocketState } from '../common/socket.js';
import { GuardedBytes, type MessageBuffer } from './lending.js';
import { type Registration, remoteRange } from './memory.js';
import { MESSAGE_OVERHEAD_BYTES } from './options.js';
import type { LoopSocket } from './socket.js';

/** A message in the memory of the wire. */
export class Message extends GuardedBytes {
  readonly pipe: LoopPipe;
  /** Part of the direction's `queueBytes` that it takes. */
  costBytes: number;

  constructor(pipe: LoopPipe, length: number) {
    super(length);
    this.pipe = pipe;
    this.costBytes = length + MESSAGE_OVERHEAD_BYTES;
    pipe.usedBytes += this.costBytes;
  }

  /** Fewer bytes than were claimed: the rest is room again. */
  shrink(length: number): void {
    this.pipe.usedBytes -= this.length - length;
    this.costBytes -= this.length - length;
    this.length = length;
  }

  release(): void {
    if (this.pipe.from.host.settings.poison) this.poison();
    this.pipe.usedBytes -= this.costBytes;
    this.costBytes = 0;
    this.pipe.spaceFreed();
  }
}

interface MessageItem {
  readonly kind: 'message';
  /** Null once the sender has closed and been told. */
  overlapped: Overlapped | null;
  readonly parts: readonly WsaBuffer[];
  /** What `parts` lie in, if the provider has lent it. */
  readonly buffer: MessageBuffer | null;
  /** Stands already when it was claimed, or when the sender has closed. */
  message: Message | null;
}

interface RdmaItem {
  readonly kind: 'rdma';
  readonly overlapped: Overlapped;
  readonly write: boolean;
  readonly local: RdmaLocalBuffer;
  readonly localRegistration: Registration;
  readonly descriptor: Uint8Array;
  readonly remoteOffset: number;
  /** A transfer takes two steps, so that memory which is given up too early is noticed. */
  remote: Registration | null;
}

type WireItem = MessageItem | RdmaItem | { readonly kind: 'established' } | { readonly kind: 'close' };

/** What one side has started and the other has not seen yet; each step of the scheduler moves the oldest item. */
export class LoopPipe {
  readonly from: LoopSocket;
  readonly to: LoopSocket;
  /** Bytes of `queueBytes` in use: claimed, on the way, held, lent. */
  usedBytes = 0;
  readonly #items: WireItem[] = [];
  /** Room that a refused claim or send waits for; 0 = nobody waits. */
  #wantedBytes = 0;

  constructor(from: LoopSocket, to: LoopSocket) {
    this.from = from;
    this.to = to;
  }

  /** Room for one more message, in bytes of its payload; negative when there is none. */
  get roomBytes(): number {
    return this.from.host.settings.queueBytes - this.usedBytes - MESSAGE_OVERHEAD_BYTES;
  }

  /** FD_WRITE follows when a message of `bytes` has room. */
  waitForRoom(bytes: number): void {
    this.#wantedBytes = this.#wantedBytes === 0 ? Math.max(1, bytes) : Math.min(this.#wantedBytes, Math.max(1, bytes));
  }

  spaceFreed(): void {
    if (this.#wantedBytes === 0 || this.roomBytes < this.#wantedBytes) return;
    this.#wantedBytes = 0;
    this.from.host.fabric.schedule(() => this.from.raise(FD_WRITE));
  }

  /** Everything that was started has arrived. */
  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  push(item: WireItem): void {
    this.#items.push(item);
    this.#schedule();
  }

  #schedule(): void {
    this.from.host.fabric.schedule(() => this.#step());
  }

  #step(): void {
    const item = this.#items[0];
    if (item === undefined) return;
    if (item.kind === 'rdma' && this.#startRdma(item)) {
      this.#schedule();
      return;
    }
    this.#items.shift();
    if (item.kind === 'message') this.#arrive(item);
    else if (item.kind === 'rdma') this.#finishRdma(item);
    else if (item.kind === 'close') this.#peerClosed();
    else if (this.to.state === 'connecting') {
      this.to.state = 'connected';
      this.to.raise(FD_CONNECT, NO_ERROR, 'connect');
    }
  }

  #arrive(item: MessageItem): void {
    const { to, from } = this;
    if (to.state === 'closed') {
      item.message?.release();
      this.#sent(item, WSAECONNRESET);
      return;
    }
    const message = item.message ?? gather(this, item.parts);
    const { claimsMessageBuffers, heldMessages } = from.host.settings;
    to.held.push(message);
    placeHeld(to);
    if (!claimsMessageBuffers && to.held.length > heldMessages) {
      from.host.counters.overruns += 1;
      from.host.fabric.fault(`overrun: a message found no receive, and ${heldMessages} are held already`);
      this.#sent(item, WSAECONNRESET);
      breakConnection(from);
      return;
    }
    this.#sent(item, NO_ERROR, message.length);
  }

  /** A message has its outcome, and its sender's memory is no longer needed. */
  #sent(item: MessageItem, code: WsaCode, bytes = 0): void {
    const { overlapped, buffer } = item;
    item.overlapped = null;
    buffer?.release();
    if (overlapped !== null) this.from.complete(overlapped, code, bytes);
  }

  #peerClosed(): void {
    dropConnection(this.to);
  }

  /** False: the transfer is over, well or not. */
  #startRdma(item: RdmaItem): boolean {
    if (item.remote !== null || this.to.state === 'closed' || this.from.endCode !== NO_ERROR) return false;
    const access = item.write ? MEM_WRITE : MEM_READ;
    const found = remoteRange(this.from, item.descriptor, item.remoteOffset, item.local.length, access);
    if (typeof found === 'string') {
      this.from.host.fabric.fault(`rdma: ${found}`);
      return false;
    }
    item.remote = found;
    found.uses += 1;
    copyRdma(item, found, 0, item.local.length >>> 1);
    return true;
  }

  #finishRdma(item: RdmaItem): void {
    const { from } = this;
    item.localRegistration.uses -= 1;
    const remote = item.remote;
    if (remote === null) {
      const gone = this.to.state === 'closed' || from.endCode !== NO_ERROR;
      from.complete(item.overlapped, gone ? WSAECONNRESET : WSAEFAULT, 0);
      if (!gone) breakConnection(from);
      return;
    }
    remote.uses -= 1;
    if (!remote.stands) {
      from.complete(item.overlapped, WSAECONNRESET, 0);
      if (this.to.state !== 'closed') breakConnection(from);
      return;
    }
    copyRdma(item, remote, item.local.length >>> 1, item.local.length);
    from.complete(item.overlapped, NO_ERROR, item.local.length);
  }

  /** The sender closes: what it has not been told about is aborted; messages go on, unless the settings say otherwise. */
  abortSends(): void {
    const { closeDropsUncompletedSends } = this.from.host.settings;
    const items = this.#items.splice(0);
    for (const item of items) {
      if (item.kind === 'established') this.#items.push(item);
      else if (item.kind === 'rdma') this.#dropRdma(item, WSA_OPERATION_ABORTED);
      else if (item.kind === 'message') {
        if (closeDropsUncompletedSends) item.message?.release();
        else {
          item.message ??= gather(this, item.parts);
          this.#items.push(item);
        }
        this.#sent(item, WSA_OPERATION_ABORTED);
      }
    }
  }

  /** The connection broke: nothing arrives any more. */
  failSends(code: WsaCode): void {
    for (const item of this.#items.splice(0)) {
      if (item.kind === 'rdma') this.#dropRdma(item, code);
      else if (item.kind === 'message') {
        item.message?.release();
        this.#sent(item, code);
      }
    }
  }

  #dropRdma(item: RdmaItem, code: WsaCode): void {
    item.localRegistration.uses -= 1;
    if (item.remote !== null) item.remote.uses -= 1;
    this.from.complete(item.overlapped, code, 0);
  }
}

function gather(pipe: LoopPipe, parts: readonly WsaBuffer[]): Message {
  let length = 0;
  for (const part of parts) length += part.length;
  const message = new Message(pipe, length);
  let offset = message.offset;
  for (const part of parts) {
    message.bytes.set(part.bytes.subarray(part.offset, part.offset + part.length), offset);
    offset += part.length;
  }
  return message;
}

function copyRdma(item: RdmaItem, remote: Registration, start: number, end: number): void {
  const near = item.local.bytes.subarray(item.local.offset + start, item.local.offset + end);
  const far = remote.bytes.subarray(item.remoteOffset + start, item.remoteOffset + end);
  if (item.write) far.set(near);
  else near.set(far);
}

/** Brings held messages and posted receives together, oldest first (rule 3.7). */
export function placeHeld(socket: LoopSocket): void {
  while (socket.held.length > 0 && socket.receives.length > 0) {
    const message = socket.held.shift()!;
    const receive = socket.receives.shift()!;
    const { buffer } = receive;
    if (buffer === null) {
      socket.completeReceive(receive, NO_ERROR, message.length, message);
    } else if (buffer.length < message.length) {
      socket.host.fabric.fault(`a message of ${message.length} bytes met a receive of ${buffer.length}`);
      message.release();
      socket.completeReceive(receive, WSAEMSGSIZE, 0);
      breakConnection(socket);
    } else {
      buffer.bytes.set(message.bytes.subarray(message.offset, message.offset + message.length), buffer.offset);
      const { length } = message;
      message.release();
      socket.completeReceive(receive, NO_ERROR, length);
    }
  }
  if (socket.held.length === 0 && socket.endCode !== NO_ERROR) socket.failReceives(socket.endCode);
}

/** No message will come after those that are held (rule 7.3). */
function endReceiving(socket: LoopSocket, code: WsaCode): void {
  if (socket.endCode === NO_ERROR) socket.endCode = code;
  socket.state = 'broken';
  placeHeld(socket);
}

/** The other side is gone. */
export function dropConnection(socket: LoopSocket): void {
  if (socket.state === 'closed') return;
  endReceiving(socket, WSAECONNRESET);
  socket.raise(FD_CLOSE, WSAECONNRESET, 'close');
}

function isOver(state: SocketState): boolean {
  return state === 'closed' || state === 'moved' || state === 'broken';
}

/** What hardware does after a fault: both sides are told, everything on the way is lost. */
export function breakConnection(socket: LoopSocket): void {
  for (const side of [socket, socket.peer]) {
    if (side === null || isOver(side.state)) continue;
    for (const message of side.held.splice(0)) message.release();
    side.out?.failSends(WSAECONNRESET);
    if (side.state === 'connecting') {
      side.state = 'failed';
      side.raise(FD_CONNECT, WSAETIMEDOUT, 'connect'); // It promises nothing about TCP (3.4).
      continue;
    }
    endReceiving(side, WSAECONNRESET);
    side.raise(FD_CLOSE, WSAECONNRESET, 'close');
  }
}
