/** How two threads come to have a mail link: the runtime's thread makes it and gives each of them a ticket. */
import type { TransferListItem } from 'node:worker_threads';
import type { DepthTable } from '../depth-table.js';
import { type MailLinkEnd, MailPair } from '../mail/pair.js';

/** What one host needs to reach another. Posted to it, once. */
export interface MailTicket {
  /** The other host's part of addresses. */
  readonly peer: number;
  /** The other host's depth table. */
  readonly table: SharedArrayBuffer;
  readonly end: MailLinkEnd;
}

/** A ticket as its maker holds it. */
export interface Offer {
  readonly ticket: MailTicket;
  /** The ticket has been used, or never will be: then the other side learns from the link's end that nobody is there. */
  settle(): void;
}

/** A host as others reach it. */
export interface HostPlace {
  readonly host: number;
  readonly table: DepthTable;
}

/** Makes a link: the first offer is for `one`. @throws SystemError (EMFILE) */
export function offerLink(one: HostPlace, other: HostPlace, ringBytes: number): [Offer, Offer] {
  const pair = new MailPair(ringBytes);
  const offer = (side: 0 | 1, peer: HostPlace): Offer => ({
    ticket: { peer: peer.host, table: peer.table.memory, end: pair.ends[side] },
    settle: () => pair.joined(side),
  });
  return [offer(0, other), offer(1, one)];
}

/** What is transferred with a ticket. */
export function transfersOf({ ticket }: Offer): TransferListItem {
  return ticket.end.port;
}
