/**
 * The switch's descriptors (rule 2.4) and the upcalls that carry them. One table per provider, so that no provider can
 * name another's sockets. A provider that misuses an upcall is counted and loses that connection; nothing ever crashes.
 */
import type { ProviderFaultError } from '../errors.js';
import { NO_ERROR, WSA_IO_PENDING, WSAENOTSOCK, type WsaCode, WsaError } from '../spi/codes.js';
import type { UpcallTable } from '../spi/provider.js';
import { NO_SOCKET, type Overlapped, type Socket } from '../spi/types.js';

/** Low bits of a handle: the place in the table. The rest tells users of one place apart. */
const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATION_MASK = 0x7ff;

/** Whom the table tells about a handle. */
export interface HandleOwner {
  /** The provider's last word about the socket (rule 7.2). */
  handleClosed(): void;
  /** The provider broke the SPI on this socket: the connection must end. */
  faulted(error: ProviderFaultError): void;
}

/** A class, see LITERALS in `session/session-core.ts`. */
class Entry {
  readonly handle: Socket;
  /** The provider's own descriptor. */
  readonly context: Socket;
  owner: HandleOwner | null = null;

  constructor(handle: Socket, context: Socket) {
    this.handle = handle;
    this.context = context;
  }
}

/** Counts a fault and makes its error. */
export type ReportFault = (message: string, cause?: unknown) => ProviderFaultError;

/** The handles of one provider. */
export class HandleTable {
  /** What the provider is given at start-up; its functions need no receiver. */
  readonly upcalls: UpcallTable;
  /** Operations that have been completed. */
  completions = 0;
  private readonly entries: (Entry | undefined)[] = [];
  private readonly generations: number[] = [];
  private readonly free: number[] = [];
  private readonly report: ReportFault;
  /** Handles made during the `WSPSocket` or `WSPAccept` that runs now; null outside of one. */
  private created: Entry[] | null = null;
  private openCount = 0;
  private idle: (() => void) | null = null;

  constructor(report: ReportFault) {
    this.report = report;
    this.upcalls = {
      WPUCreateSocketHandle: (context) => this.create(context),
      WPUQuerySocketHandleContext: (handle) => this.query(handle),
      WPUCloseSocketHandle: (handle) => this.close(handle),
      WPUCompleteOverlappedRequest: (handle, overlapped, error, bytes) => {
        const entry = this.entries[handle & SLOT_MASK];
        if (
          entry !== undefined &&
          entry.handle === handle &&
          overlapped?.internal === WSA_IO_PENDING &&
          (overlapped.hEvent & 1) === 0
        ) {
          overlapped.internalHigh = bytes;
          overlapped.internal = error;
          this.completions += 1;
          overlapped.sink.completed(overlapped);
        } else {
          this.badCompletion(entry, handle, overlapped);
        }
      },
    };
  }

  /** Handles that the provider has not closed. */
  get open(): number {
    return this.openCount;
  }

  /**
   * Runs `WSPSocket` or `WSPAccept`, in which the provider must make exactly one handle for the socket that it returns, and
   * gives that handle to `owner`.
   * @param contextOf the descriptor in what the provider returned; null: there is to be none, and no handle
   * @returns the handle (NO_SOCKET: none), and what the provider returned
   * @throws ProviderFaultError; whatever `call` throws
   */
  creating<T>(
    owner: HandleOwner,
    call: () => T,
    contextOf: (result: T) => Socket | null,
  ): { handle: Socket; result: T } {
    const outer = this.created;
    const created: Entry[] = [];
    this.created = created;
    let result: T;
    try {
      result = call();
    } catch (error) {
      // A failed call leaves no socket behind; a handle that it made is its own to close, and is dropped if it didn't.
      for (const entry of created) this.drop(entry);
      throw error;
    } finally {
      this.created = outer;
    }
    const context = contextOf(result);
    if (context === null && created.length === 0) return { handle: NO_SOCKET, result };
    const entry = created.find(
      (candidate) => candidate.context === context && this.find(candidate.handle) === candidate,
    );
    if (entry === undefined || created.length !== 1) {
      for (const each of created) this.drop(each);
      throw this.report(`socket ${String(context)} was returned with ${created.length} handles made for it, not 1`);
    }
    entry.owner = owner;
    return { handle: entry.handle, result };
  }

  /** Forgets a handle whose provider will not close it any more (it threw in `WSPCloseSocket`). */
  abandon(handle: Socket): void {
    const entry = this.find(handle);
    if (entry !== undefined) this.drop(entry);
  }

  /** Ends every handle as if the provider had, which it will not any more. */
  closeAll(): void {
    for (const entry of [...this.entries]) {
      if (entry === undefined) continue;
      this.drop(entry);
      entry.owner?.handleClosed();
    }
  }

  /** Resolves when no handle is open. */
  whenIdle(): Promise<void> {
    if (this.openCount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.idle = resolve;
    });
  }

  private find(handle: Socket): Entry | undefined {
    const entry = this.entries[handle & SLOT_MASK];
    return entry?.handle === handle ? entry : undefined;
  }

  private create(context: Socket): Socket {
    const slot = this.free.pop() ?? this.generations.push(0) - 1;
    const handle = ((this.generations[slot] as number) << SLOT_BITS) | slot;
    const entry = new Entry(handle, context);
    this.entries[slot] = entry;
    this.openCount += 1;
    if (this.created === null) this.report(`WPUCreateSocketHandle(${String(context)}) outside WSPSocket and WSPAccept`);
    else this.created.push(entry);
    return handle;
  }

  private query(handle: Socket): Socket {
    const entry = this.find(handle);
    if (entry === undefined) throw new WsaError(WSAENOTSOCK);
    return entry.context;
  }

  private close(handle: Socket): WsaCode {
    const entry = this.find(handle);
    if (entry === undefined) {
      this.report(`WPUCloseSocketHandle(${String(handle)}): no such handle`);
      return WSAENOTSOCK;
    }
    this.drop(entry);
    entry.owner?.handleClosed();
    return NO_ERROR;
  }

  private drop(entry: Entry): void {
    const slot = entry.handle & SLOT_MASK;
    if (this.entries[slot] !== entry) return;
    this.entries[slot] = undefined;
    this.generations[slot] = ((this.generations[slot] as number) + 1) & GENERATION_MASK;
    this.free.push(slot);
    this.openCount -= 1;
    if (this.openCount === 0) this.idle?.();
  }

  private badCompletion(entry: Entry | undefined, handle: Socket, overlapped: Overlapped): void {
    const known = entry !== undefined && entry.handle === handle;
    let what = 'of something that is no overlapped operation';
    if (!known) what = `for handle ${String(handle)}, which is not open`;
    else if (typeof overlapped?.internal === 'number') {
      what =
        overlapped.internal === WSA_IO_PENDING ? 'of an operation that is polled' : 'of an operation that has ended';
    }
    const error = this.report(`a completion ${what}`);
    if (known) entry.owner?.faulted(error);
    else if (overlapped?.internal === WSA_IO_PENDING) {
      // The handle is wrong but the operation is somebody's: that connection can't trust its provider any more.
      (overlapped.sink as Partial<{ abort(error: Error): void }> | undefined)?.abort?.(error);
    }
  }
}
