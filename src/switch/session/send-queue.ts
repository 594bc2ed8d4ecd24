/** Sends that could not leave at once, in order. */
import type { SentCallback } from '../transport.js';

/** One send: the bytes from `offset` on are still to go. */
export interface QueuedSend {
  bytes: Uint8Array;
  offset: number;
  readonly sent: SentCallback | undefined;
}

/** Nothing, once for all queues: most are empty most of the time. Never changed. */
const NOTHING: QueuedSend[] = [];

/** A first-in first-out queue whose operations cost the same however long it is. */
export class SendQueue {
  /** Bytes still to go. */
  bytes = 0;
  private items = NOTHING;
  private first = 0;

  get head(): QueuedSend | undefined {
    return this.items[this.first];
  }

  /** The one behind `send`; undefined: there is none, or `send` is not here. */
  behind(send: QueuedSend): QueuedSend | undefined {
    const index = this.items.indexOf(send, this.first);
    return index < 0 ? undefined : this.items[index + 1];
  }

  push(send: QueuedSend): void {
    if (this.items.length > 0) this.items.push(send);
    else this.items = [send];
    this.bytes += send.bytes.length;
  }

  /** Notes that `count` bytes of the head have left. */
  advance(count: number): void {
    const head = this.items[this.first] as QueuedSend;
    head.offset += count;
    this.bytes -= count;
  }

  /** Takes the head away. */
  shift(): QueuedSend {
    const head = this.items[this.first] as QueuedSend;
    this.bytes -= head.bytes.length - head.offset;
    this.first++;
    if (this.first * 2 >= this.items.length) {
      this.items = this.first === this.items.length ? NOTHING : this.items.slice(this.first);
      this.first = 0;
    }
    return head;
  }

  /** Removes the send with this callback. @returns it, or undefined if it is not here */
  remove(sent: SentCallback): QueuedSend | undefined {
    const index = this.items.findIndex((send, i) => i >= this.first && send.sent === sent);
    if (index < 0) return undefined;
    const [send] = this.items.splice(index, 1) as [QueuedSend];
    this.bytes -= send.bytes.length - send.offset;
    return send;
  }

  /** Empties the queue. @returns what was in it */
  takeAll(): QueuedSend[] {
    const sends = this.items.slice(this.first);
    this.items = NOTHING;
    this.first = 0;
    this.bytes = 0;
    return sends;
  }

  /** Empties the queue and tells every sender. */
  fail(error: Error): void {
    for (const send of this.takeAll()) send.sent?.(error);
  }
}
