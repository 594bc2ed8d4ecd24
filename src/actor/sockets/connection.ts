/**
 * One socket of one actor: takes what the socket tells, and hands it to the behaviour in the order that the mailbox gives. An
 * actor that has nothing else to do is called at once, and what is lent stays lent; otherwise the event waits, with a copy of
 * its own, and a socket of which too much waits is paused.
 */
import { InvalidOptionError } from '../../errors.js';
import { copyBytes, copyOut } from '../../native/bytes.js';
import type { AnyBytes, SocketHandlers, StreamSocket } from '../../socket/stream-socket.js';
import { nodeError, WSA_OPERATION_ABORTED, WSAECONNRESET, type WsaCode } from '../../spi/codes.js';
import type { ActorCell } from '../cell.js';
import { stopFor } from '../ending.js';
import { beginEnding } from '../lifecycle.js';
import { LifeSocket } from './actor-socket.js';
import type { Connections } from './connections.js';
import type { SocketOrigin, Untold } from './moved.js';
import type { Operation } from './operation.js';

/** A socket of which so much waits is paused until all of it has been handled. */
const WAITING_BYTES_MAX = 65_536;
const WAITING_EVENTS_MAX = 16;

/** A part of the stream, which has to wait while the actor takes none. */
type StreamTold = { readonly kind: 'received' | 'urgent'; readonly bytes: Uint8Array } | { readonly kind: 'ended' };

/** The end of an overlapped operation. */
interface Completed {
  readonly kind: 'completed';
  readonly operation: Operation;
  readonly error: Error | null;
  readonly bytes: number;
}

/** What a socket has told. */
type Told =
  | StreamTold
  | Completed
  | { readonly kind: 'connected' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'closed'; readonly error: Error | null };

/** Something that waits for its actor. */
export interface SocketEvent {
  readonly connection: Connection;
  readonly told: Told;
  /** How many messages the actor has taken out of its mailbox when this is due. */
  dueAt: number;
}

/** None, once for all connections. Never changed. */
const NOTHING: never[] = [];

/** See the top of this file. The object is the socket's handlers. */
export class Connection implements SocketHandlers<AnyBytes> {
  readonly stream: StreamSocket<AnyBytes>;
  readonly cell: ActorCell;
  readonly origin: SocketOrigin | null;
  /** What the present life of the actor holds. */
  private socket: LifeSocket;
  private readonly connections: Connections;
  /** The present life has been told of the socket. */
  private isIntroduced = false;
  private isPaused = false;
  /** The actor is about to move. */
  private isHeld = false;
  /** The actor has closed or aborted: what still comes of the stream is dropped. */
  private isDiscarding = false;
  /** Nothing is told any more. */
  private isOver = false;
  /** Too much waits. */
  private isBehind = false;
  /** The stream goes to the actor as it comes: not paused, nothing put off, no overlapped receive. */
  private isPlain = true;
  private waitingEvents = 0;
  private waitingBytes = 0;
  /** Parts of the stream whose turn has come while the behaviour took none. */
  private putOff: StreamTold[] = NOTHING;
  /** Overlapped receives, the oldest first, and sends, whose end is not known yet. */
  private receives: Operation[] = NOTHING;
  private sends: Set<Operation> | null = null;

  /** @param origin null: it can't move to another thread */
  constructor(cell: ActorCell, connections: Connections, stream: StreamSocket<AnyBytes>, origin: SocketOrigin | null) {
    this.cell = cell;
    this.connections = connections;
    this.stream = stream;
    this.origin = origin;
    this.socket = new LifeSocket(this);
  }

  /** Begins to listen to the socket. */
  begin(): void {
    this.push({ kind: 'connected' });
    this.stream.handlers = this;
    // One that was reset before it was given has told so already, and nobody heard it.
    if (this.stream.state === 'closed') this.push({ kind: 'closed', error: this.errorOf(WSAECONNRESET) });
  }

  private errorOf(code: WsaCode): Error {
    const { remoteAddress: address, remotePort: port } = this.stream;
    return nodeError(code, { syscall: 'read', address, port });
  }

  // ------------------------------------------------------- what the socket tells

  received(_stream: StreamSocket<AnyBytes>, bytes: AnyBytes): void {
    const { cell } = this;
    if (!this.isPlain || cell.behaviour?.received === undefined || !cell.enter()) return this.receivedOtherwise(bytes);
    try {
      cell.hear(this.socket, bytes);
    } finally {
      cell.leave();
    }
  }

  /** Bytes for an overlapped receive, or an actor that is busy or takes none. */
  private receivedOtherwise(given: AnyBytes): void {
    let bytes = given as Uint8Array;
    // Told at once, an end may lead to anything: another receive, a pause, the end of all.
    while (this.fillsAtOnce) {
      const told = this.fill(bytes);
      this.tell(told);
      if (told.bytes === bytes.length) return;
      bytes = bytes.subarray(told.bytes);
    }
    if (this.isOver || this.isDiscarding) return;
    if (bytes !== given) this.received(this.stream, bytes);
    else this.wait({ kind: 'received', bytes: this.stream.lends ? copyOut(bytes, 0, bytes.length) : bytes });
  }

  private get fillsAtOnce(): boolean {
    const isTaken = !this.isOver && !this.isDiscarding && !this.isPaused;
    return isTaken && this.receives.length > 0 && this.waitingEvents === 0;
  }

  drained(): void {
    this.tell({ kind: 'drained' });
  }

  urgent(_stream: StreamSocket<AnyBytes>, bytes: Uint8Array): void {
    this.wait({ kind: 'urgent', bytes });
  }

  ended(): void {
    this.tell({ kind: 'ended' });
  }

  closed(_stream: StreamSocket<AnyBytes>, error: Error | null): void {
    this.tell({ kind: 'closed', error });
  }

  /** Tells the actor at once if it has nothing else to do. */
  private tell(told: Told): void {
    if (this.isOver) return;
    if (!this.cell.enter()) return this.push(told);
    try {
      this.handle(told);
    } finally {
      this.cell.leave();
    }
    this.connections.handled();
  }

  private push(told: Told): void {
    if (!this.isOver) this.connections.push({ connection: this, told, dueAt: 0 });
  }

  /** Has something come before all else that waits. */
  private pushInFront(told: Told): void {
    this.connections.unshift({ connection: this, told, dueAt: 0 });
  }

  /** Has a part of the stream wait for the actor. */
  private wait(told: StreamTold & { readonly bytes: Uint8Array }): void {
    if (this.isOver) return;
    this.waits(told.bytes);
    this.push(told);
  }

  private waits(bytes: Uint8Array): void {
    this.waitingEvents++;
    this.waitingBytes += bytes.length;
    const isMuch = this.waitingBytes >= WAITING_BYTES_MAX || this.waitingEvents >= WAITING_EVENTS_MAX;
    if (!isMuch || this.isBehind) return;
    this.isBehind = true;
    this.flow();
  }

  /** A part of the stream has waited long enough. */
  private waited(bytes: number): void {
    this.waitingEvents--;
    this.waitingBytes -= bytes;
    if (this.waitingEvents > 0 || !this.isBehind) return;
    this.isBehind = false;
    this.flow();
  }

  private flow(): void {
    if (this.isPaused || this.isBehind || this.isHeld) this.stream.pause();
    else this.stream.resume();
  }

  // ------------------------------------------------------ what the actor is told

  /** Its turn has come. */
  handle(told: Told): void {
    const { cell, socket } = this;
    switch (told.kind) {
      case 'connected':
        // One that is closed already has nothing to offer but its `closed`.
        if (this.isIntroduced || this.isDiscarding) return;
        this.isIntroduced = true;
        return cell.hearOf((one, context) => one.connected?.(socket, context));
      case 'drained':
        return cell.hearOf((one, context) => one.drained?.(socket, context));
      case 'completed':
        return this.handleCompleted(told);
      case 'closed':
        return this.handleClosed(told.error);
      default:
        this.handleStream(told);
    }
  }

  private handleStream(told: StreamTold): void {
    if (this.isDiscarding) return;
    const isTaken = told.kind !== 'received' || this.takesBytes;
    if (this.isPaused || this.putOff.length > 0 || !isTaken) {
      this.putOff = [...this.putOff, told];
      this.isPlain = false;
      return;
    }
    const { cell, socket } = this;
    if (told.kind === 'ended') return this.handleEnded();
    const { bytes } = told;
    if (told.kind === 'urgent') {
      this.waited(bytes.length);
      cell.hearOf((one, context) => one.urgent?.(socket, bytes, context));
    } else if (this.receives.length > 0) {
      this.handlePlacing(bytes);
    } else {
      this.waited(bytes.length);
      cell.hear(socket, bytes);
    }
  }

  private get takesBytes(): boolean {
    return this.receives.length > 0 || this.cell.behaviour?.received !== undefined;
  }

  /** Bytes that have waited fill an overlapped receive; what is left of them comes next. */
  private handlePlacing(bytes: Uint8Array): void {
    const told = this.fill(bytes);
    if (told.bytes < bytes.length) {
      this.waitingBytes -= told.bytes;
      this.pushInFront({ kind: 'received', bytes: bytes.subarray(told.bytes) });
    } else {
      // Last, for it may resume the socket, which may deliver more at once.
      this.waited(bytes.length);
    }
    this.handle(told);
  }

  /** Puts bytes into the buffer of the oldest overlapped receive, as many as fit. @returns its end, which is to be told */
  private fill(bytes: Uint8Array): Completed {
    const operation = this.receives.shift() as Operation;
    this.settle();
    const count = Math.min(bytes.length, operation.buffer.length);
    copyBytes(operation.buffer, 0, bytes, 0, count);
    return { kind: 'completed', operation, error: null, bytes: count };
  }

  private handleCompleted({ operation, error, bytes }: Completed): void {
    const { cell, socket } = this;
    if (operation.socket === socket) {
      return cell.hearOf((one, context) => one.completed?.(socket, operation, error, bytes, context));
    }
    // A life that is over has begun it, which this one knows nothing of; but the bytes are the stream's.
    if (operation.kind === 'send' || bytes === 0) return;
    this.waitingEvents++;
    this.waitingBytes += bytes;
    this.handleStream({ kind: 'received', bytes: copyOut(operation.buffer, 0, bytes) });
  }

  private handleEnded(): void {
    // Whoever waits for bytes hears first that there are none.
    if (this.receives.length > 0) return this.complete(this.takeReceives(), null, { kind: 'ended' });
    const { cell, socket } = this;
    if (cell.behaviour?.ended === undefined) this.stream.end();
    else cell.hearOf((one, context) => one.ended?.(socket, context));
  }

  private handleClosed(error: Error | null): void {
    const { cell, socket } = this;
    const operations = [...(this.sends ?? NOTHING), ...this.takeReceives()];
    this.sends = null;
    if (operations.length > 0) {
      return this.complete(operations, error ?? this.errorOf(WSA_OPERATION_ABORTED), { kind: 'closed', error });
    }
    this.isOver = true;
    this.putOff = NOTHING;
    this.settle();
    this.connections.remove(this);
    cell.hearOf((one, context) => one.closed?.(socket, error, context));
    if (this.connections.count === 0) beginEnding(cell, stopFor('stopped'));
  }

  /** Ends operations that can't go on, and has `next` come right after. */
  private complete(operations: readonly Operation[], error: Error | null, next: Told): void {
    this.pushInFront(next);
    for (const operation of [...operations].reverse()) {
      this.pushInFront({ kind: 'completed', operation, error, bytes: 0 });
    }
  }

  private takeReceives(): Operation[] {
    const taken = this.receives;
    this.receives = NOTHING;
    this.settle();
    return taken;
  }

  /** Something has changed that decides how the stream goes to the actor. */
  private settle(): void {
    const isPlain = !this.isOver && !this.isDiscarding && !this.isPaused;
    this.isPlain = isPlain && this.putOff.length === 0 && this.receives.length === 0;
  }

  // ----------------------------------------------------------- what the actor does

  /** @see ActorSocket.sendOverlapped */
  sendOverlapped(operation: Operation): void {
    this.sends ??= new Set();
    this.sends.add(operation);
    try {
      this.stream.send(operation.buffer, (error) => this.sent(operation, error ?? null));
    } catch (error) {
      this.sends.delete(operation);
      throw error;
    }
  }

  private sent(operation: Operation, error: Error | null): void {
    if (!this.sends?.delete(operation)) return;
    this.tell({ kind: 'completed', operation, error, bytes: error === null ? operation.buffer.length : 0 });
  }

  /** @see ActorSocket.receiveOverlapped */
  receiveOverlapped(operation: Operation): void {
    if (this.cell.behaviour?.completed === undefined) {
      throw new InvalidOptionError(
        'a behaviour without the hook `completed` would never hear of its overlapped receive',
      );
    }
    if (this.receives === NOTHING) this.receives = [];
    this.receives.push(operation);
    this.reconsider();
    this.settle();
  }

  pause(): void {
    this.isPaused = true;
    this.settle();
    this.flow();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.reconsider();
    this.settle();
    this.flow();
  }

  /** Ends in order; what the peer still sends is dropped. */
  close(): Promise<void> {
    this.discard();
    return this.stream.close();
  }

  abort(error: Error | null): void {
    this.discard();
    this.stream.abort(error);
  }

  private discard(): void {
    this.isDiscarding = true;
    this.putOff = NOTHING;
    this.settle();
  }

  /** What was put off comes again if it would be taken now. */
  reconsider(): void {
    const { putOff } = this;
    const [first] = putOff;
    if (first === undefined || this.isPaused || (first.kind === 'received' && !this.takesBytes)) return;
    this.putOff = NOTHING;
    for (const told of putOff.reverse()) this.pushInFront(told);
    this.settle();
  }

  /** A life of the actor is over: what it holds can do nothing any more, and its receives are taken back. */
  lifeEnds(): void {
    this.socket.detach();
    this.takeReceives();
  }

  /** Another life begins, with a socket that flows. */
  lifeBegins(): void {
    this.socket = new LifeSocket(this);
    this.isIntroduced = false;
    this.isPaused = false;
    this.reconsider();
    this.settle();
    this.pushInFront({ kind: 'connected' });
    this.flow();
  }

  /** The actor has ended: its socket follows, and nobody hears of it. */
  leave(isFailure: boolean): void {
    this.isOver = true;
    this.settle();
    if (isFailure) this.stream.abort();
    else void this.stream.close();
  }

  // ------------------------------------------------------------ moves of the actor

  /** Nothing of the actor's own is under way here, and it is not about to end. */
  get isQuiet(): boolean {
    return !this.isDiscarding && (this.sends?.size ?? 0) === 0;
  }

  /** Nothing more of the stream comes, until `release`. */
  hold(): void {
    this.isHeld = true;
    this.flow();
  }

  release(): void {
    this.isHeld = false;
    this.flow();
  }

  /** It has gone to another thread. @param events what waits of it @returns what its next owner is to be told */
  moved(events: readonly SocketEvent[]): Untold[] {
    this.isOver = true;
    this.settle();
    const told: Told[] = [...this.putOff, ...events.map((event) => event.told)];
    this.putOff = NOTHING;
    return told.flatMap(untoldOf);
  }

  /** It was to go to another thread, and was lost on the way. */
  lost(error: Error): void {
    this.isOver = false;
    this.push({ kind: 'closed', error });
  }

  /** Goes on where another thread's has ended: the actor is told before anything else. */
  goOn(untold: readonly Untold[]): void {
    for (const told of [...untold].reverse()) {
      if ('bytes' in told) this.waits(told.bytes);
      this.pushInFront(told);
    }
    this.pushInFront({ kind: 'connected' });
    this.stream.handlers = this;
  }
}

/** What another owner is to be told of it. Operations end with this one's life, but the bytes are the stream's. */
function untoldOf(told: Told): Untold[] {
  switch (told.kind) {
    case 'connected':
    case 'closed':
      return [];
    case 'completed': {
      const { operation, bytes } = told;
      if (operation.kind === 'send' || bytes === 0) return [];
      return [{ kind: 'received', bytes: copyOut(operation.buffer, 0, bytes) }];
    }
    default:
      return [told];
  }
}
