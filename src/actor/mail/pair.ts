/** Making a mail link: what its two threads need is made by one, which may be neither of them. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { closeDescriptor, unixPair } from '../../native/os.js';
import { type MailSide, makeMailMemory } from './memory.js';

/** What the thread of one side makes its MailLink from. May be posted to it, `port` among what is transferred. */
export interface MailLinkEnd {
  readonly side: MailSide;
  readonly memory: SharedArrayBuffer;
  /** A descriptor of the maker's, of which the side's thread makes one of its own; it stands until `joined`. */
  readonly fd: number;
  readonly port: MessagePort;
}

/**
 * A link in the making. The maker holds both descriptors until each side's thread has its own, so that none is lost whenever
 * a thread may end; and gives them up then, for a side that ends is noticed by its socket's end.
 */
export class MailPair {
  readonly ends: readonly [MailLinkEnd, MailLinkEnd];
  private readonly fds: (number | null)[];

  /** @param ringBytes of each direction, a power of two @throws SystemError (EMFILE), InvalidOptionError */
  constructor(ringBytes?: number) {
    const memory = makeMailMemory(ringBytes);
    const fds = unixPair();
    const { port1, port2 } = new MessageChannel();
    this.fds = [...fds];
    this.ends = [
      { side: 0, memory, fd: fds[0], port: port1 },
      { side: 1, memory, fd: fds[1], port: port2 },
    ];
  }

  /** That side's MailLink stands, or never will. */
  joined(side: MailSide): void {
    const fd = this.fds[side] as number | null;
    this.fds[side] = null;
    if (fd !== null) closeDescriptor(fd);
  }

  /** Nothing comes of it any more for a side that has not joined; the other notices the end. */
  close(): void {
    this.joined(0);
    this.joined(1);
  }
}
