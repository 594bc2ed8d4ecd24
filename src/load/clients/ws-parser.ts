/** Finds where the messages of a WebSocket's server end (RFC 6455, section 5); what is in them is skipped. */

const FIN = 0x80;
const MASKED = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const CONTROL_FROM = 0x8;
const CONTINUATION = 0x0;
const DATA_LAST = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const CONTROL_LAST = 0xa;
const CONTROL_BYTES_MAX = 125;
const MESSAGE_BYTES_MAX = 2 ** 40;

/** Told of what comes. */
export interface FrameEvents {
  /** The last byte of a message. */
  message(): void;
  /** What is to be sent back as a pong. */
  ping(bytes: Uint8Array): void;
  /** The server says that it ends the connection. */
  closing(): void;
  /** What comes is no WebSocket's. Told once; nothing after it counts. */
  nonsense(why: string): void;
}

/** One connection's frames. */
export class FrameParser {
  private readonly events: FrameEvents;
  private header: number[] = [];
  private headerBytes = 2;
  /** Of a frame's payload, still to come. */
  private left = 0;
  private opcode = 0;
  private isFinal = false;
  /** A message has begun, and its last fragment has not come. */
  private isInside = false;
  private control: number[] = [];
  private isDead = false;

  constructor(events: FrameEvents) {
    this.events = events;
  }

  /** Takes what has come. @param bytes not referred to afterwards */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.isDead; ) {
      if (this.header.length < this.headerBytes) {
        this.header.push(bytes[at++] as number);
        this.readHeader();
      } else at = this.payload(bytes, at);
    }
  }

  private readHeader(): void {
    const { header } = this;
    if (header.length === 2) {
      const [first = 0, second = 0] = header;
      this.isFinal = (first & FIN) !== 0;
      this.opcode = first & OPCODE;
      const length = second & LENGTH;
      const objection = this.objectionTo(first, second);
      if (objection !== null) return this.die(objection);
      this.headerBytes = length === LENGTH_64 ? 10 : length === LENGTH_16 ? 4 : 2;
      this.left = length;
    } else if (header.length === this.headerBytes) {
      this.left = header.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
      if (this.left > MESSAGE_BYTES_MAX) return this.die('a frame of more than 2^40 bytes');
    }
    if (header.length === this.headerBytes && this.left === 0) this.complete();
  }

  /** What makes a frame none of a server's that speaks no extension. */
  private objectionTo(first: number, second: number): string | null {
    const { opcode, isFinal, isInside } = this;
    if ((second & MASKED) !== 0) return 'a masked frame of a server';
    if ((first & RESERVED) !== 0) return 'an extension that was not agreed on';
    if (opcode >= CONTROL_FROM) {
      if (opcode > CONTROL_LAST) return 'a control frame of no known kind';
      return (second & LENGTH) > CONTROL_BYTES_MAX || !isFinal ? 'a control frame in pieces' : null;
    }
    if (opcode > DATA_LAST) return 'a frame of no known kind';
    return isInside === (opcode === CONTINUATION) ? null : 'a message inside of another, or the rest of none';
  }

  private payload(bytes: Uint8Array, at: number): number {
    const taken = Math.min(this.left, bytes.length - at);
    if (this.opcode === PING) this.control.push(...bytes.subarray(at, at + taken));
    this.left -= taken;
    if (this.left === 0) this.complete();
    return at + taken;
  }

  private complete(): void {
    this.header = [];
    this.headerBytes = 2;
    const { opcode, events } = this;
    if (opcode === PING) events.ping(Uint8Array.from(this.control.splice(0)));
    else if (opcode === CLOSE) events.closing();
    else if (opcode < CONTROL_FROM) {
      this.isInside = !this.isFinal;
      if (this.isFinal) events.message();
    }
  }

  private die(why: string): void {
    this.isDead = true;
    this.events.nonsense(why);
  }
}
