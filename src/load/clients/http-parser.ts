/**
 * Finds where HTTP/1.1 responses end, and what their status is (RFC 9112); nothing else of them is kept. It is on the way of
 * every answer that is timed: a general parser costs several times as much as the rest of the client.
 */

const HEAD_BYTES_MAX = 65_536;
const CHUNK_LINE_BYTES_MAX = 4_096;
const LF = 10;

/** Told of each response. */
export interface ResponseEvents {
  /** Its last byte has come. @param closes the server will end the connection */
  response(status: number, closes: boolean): void;
  /** What comes is no HTTP/1.1. Told once; nothing after it counts. */
  nonsense(why: string): void;
}

type State = 'head' | 'body' | 'until-end' | 'chunk-line' | 'chunk' | 'trailer' | 'dead';

/** One connection's answers to GET. */
export class ResponseParser {
  private readonly events: ResponseEvents;
  private state: State = 'head';
  /** The part of a head, or of a chunk's line, that came with an earlier piece. */
  private kept = '';
  /** Of a body or a chunk, still to come. */
  private left = 0;
  private status = 0;
  private closes = false;

  constructor(events: ResponseEvents) {
    this.events = events;
  }

  /** Takes what has come. @param bytes not referred to afterwards */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && this.state !== 'dead'; ) at = this.step(bytes, at);
  }

  /** The connection has ended. @returns whether that was the end of a response */
  end(): boolean {
    if (this.state !== 'until-end') return false;
    this.complete();
    return true;
  }

  private step(bytes: Buffer, at: number): number {
    switch (this.state) {
      case 'head':
        return this.head(bytes, at);
      case 'body':
      case 'chunk':
        return this.skip(bytes, at);
      case 'chunk-line':
        return this.line(bytes, at, (text) => this.chunkLine(text));
      case 'trailer':
        return this.line(bytes, at, (text) => {
          if (text === '') this.complete();
        });
      default:
        return bytes.length;
    }
  }

  private head(bytes: Buffer, at: number): number {
    // The end may lie across two pieces.
    const overlap = Math.min(3, this.kept.length);
    const end = bytes.indexOf('\r\n\r\n', at, 'latin1');
    if (overlap > 0) {
      const joint = this.kept.slice(-overlap) + bytes.toString('latin1', at, Math.min(bytes.length, at + 3));
      const inside = joint.indexOf('\r\n\r\n');
      if (inside >= 0) {
        const taken = inside + 4 - overlap;
        const text = this.kept + bytes.toString('latin1', at, at + taken);
        this.kept = '';
        this.readHead(text);
        return at + taken;
      }
    }
    if (end < 0) {
      this.kept += bytes.toString('latin1', at, bytes.length);
      if (this.kept.length > HEAD_BYTES_MAX) this.die('a head of more than 64 KiB');
      return bytes.length;
    }
    const text = this.kept + bytes.toString('latin1', at, end + 4);
    this.kept = '';
    this.readHead(text);
    return end + 4;
  }

  private readHead(text: string): void {
    // Whether it came in one piece or in many.
    if (text.length > HEAD_BYTES_MAX) return this.die('a head of more than 64 KiB');
    const match = /^HTTP\/1\.([01]) ([1-9]\d{2})[ \r]/.exec(text);
    if (match === null) return this.die('no HTTP/1.1 status line');
    this.status = Number(match[2]);
    const fields = text.toLowerCase();
    const connection = fieldIn(fields, '\r\nconnection:') ?? '';
    this.closes = match[1] === '0' ? !connection.includes('keep-alive') : connection.includes('close');
    // An interim response: the real one follows.
    if (this.status < 200 && this.status !== 101) return;
    if (this.status === 204 || this.status === 304) return this.complete();
    if (fieldIn(fields, '\r\ntransfer-encoding:')?.includes('chunked')) {
      this.state = 'chunk-line';
      return;
    }
    const length = fieldIn(fields, '\r\ncontent-length:');
    if (length === null) {
      this.closes = true;
      this.state = 'until-end';
      return;
    }
    if (!/^\d{1,15}$/.test(length)) return this.die('a content-length that is no number');
    this.left = Number(length);
    if (this.left === 0) this.complete();
    else this.state = 'body';
  }

  private skip(bytes: Buffer, at: number): number {
    const taken = Math.min(this.left, bytes.length - at);
    this.left -= taken;
    if (this.left === 0) {
      if (this.state === 'body') this.complete();
      else this.state = 'chunk-line';
    }
    return at + taken;
  }

  private line(bytes: Buffer, at: number, seen: (text: string) => void): number {
    const end = bytes.indexOf(LF, at);
    this.kept += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
    if (this.kept.length > CHUNK_LINE_BYTES_MAX) {
      this.die('a line of more than 4 KiB');
      return bytes.length;
    }
    if (end < 0) return bytes.length;
    const text = this.kept.replace(/\r$/, '');
    this.kept = '';
    seen(text);
    return end + 1;
  }

  private chunkLine(text: string): void {
    const match = /^([0-9a-f]{1,12})[ \t]*(;|$)/i.exec(text);
    if (match === null) return this.die('a chunk without a size');
    const size = Number.parseInt(match[1] as string, 16);
    this.state = size === 0 ? 'trailer' : 'chunk';
    // With the line's end behind it.
    this.left = size + 2;
  }

  private complete(): void {
    this.state = 'head';
    this.events.response(this.status, this.closes);
  }

  private die(why: string): void {
    this.state = 'dead';
    this.events.nonsense(why);
  }
}

/** A field's value, trimmed; null: it is not there. @param fields in lower case */
function fieldIn(fields: string, name: string): string | null {
  const at = fields.indexOf(name);
  if (at < 0) return null;
  const start = at + name.length;
  return fields.slice(start, fields.indexOf('\r', start)).trim();
}
