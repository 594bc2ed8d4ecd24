/** Messages between a coordinator and its agents: JSON with its length before it, on a socket of the switch. */
import type { StreamSocket } from '../../socket/stream-socket.js';
import { countsAsJson } from '../counts.js';

const LENGTH_BYTES = 4;
/** The latencies of a worker have up to some hundred KiB, and there may be 128 of them. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/** So long the other side may take to end the connection, too. */
const CLOSE_MS = 1_000;

/** Told by a channel. */
export interface FrameHandlers {
  /** A message: JSON from somebody else, to be checked. */
  message(value: unknown): void;
  /** No more of them. @param error null: the other side has ended in order */
  closed(error: Error | null): void;
}

/** What comes is no message. */
class FrameError extends Error {
  readonly code = 'EPROTO';
}

/** One side of a connection. */
export class FrameChannel {
  private readonly socket: StreamSocket;
  private readonly handlers: FrameHandlers;
  private parts: Uint8Array[] = [];
  private bytes = 0;
  /** So many are needed for the next step: pieces are put together once, however many they are. */
  private needed = LENGTH_BYTES;
  private isOver = false;

  /** @param socket connected, and nobody else's */
  constructor(socket: StreamSocket, handlers: FrameHandlers) {
    this.socket = socket;
    this.handlers = handlers;
    socket.handlers = {
      received: (_, bytes) => this.received(bytes),
      closed: (_, error) => this.over(error),
    };
  }

  /** Sends a message, if the other side is still there. */
  send(value: unknown): void {
    if (this.isOver) return;
    const text = new TextEncoder().encode(JSON.stringify(value, countsAsJson));
    const frame = new Uint8Array(LENGTH_BYTES + text.length);
    new DataView(frame.buffer).setUint32(0, text.length, true);
    frame.set(text, LENGTH_BYTES);
    this.socket.send(frame);
  }

  /** Ends in order, or, if the other side does not, soon. Nothing is told any more. */
  async close(): Promise<void> {
    this.isOver = true;
    const impatient = setTimeout(() => this.socket.abort(), CLOSE_MS);
    await this.socket.close();
    clearTimeout(impatient);
  }

  private received(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.bytes += bytes.length;
    try {
      while (!this.isOver && this.takeOne());
    } catch (error) {
      this.over(error as Error);
      this.socket.abort();
    }
  }

  /** @returns whether there was a whole one @throws FrameError */
  private takeOne(): boolean {
    if (this.bytes < this.needed) return false;
    const all = this.gather();
    const length = new DataView(all.buffer, all.byteOffset).getUint32(0, true);
    if (length > FRAME_BYTES_MAX) throw new FrameError(`a message of ${length} bytes`);
    const end = LENGTH_BYTES + length;
    this.needed = end;
    if (all.length < end) return false;
    this.needed = LENGTH_BYTES;
    this.parts = all.length > end ? [all.subarray(end)] : [];
    this.bytes = all.length - end;
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(all.subarray(LENGTH_BYTES, end)));
    } catch {
      throw new FrameError('a message that is no JSON');
    }
    this.handlers.message(value);
    return true;
  }

  private gather(): Uint8Array {
    const [first] = this.parts;
    if (first !== undefined && this.parts.length === 1) return first;
    const all = new Uint8Array(this.bytes);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    this.parts = [all];
    return all;
  }

  private over(error: Error | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.handlers.closed(error);
  }
}
