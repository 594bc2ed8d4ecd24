/**
 * Virtual ports (rule 2.5): what a shared-memory connection has in place of an ephemeral TCP port. They lie outside the
 * host's ephemeral range and are unique among the live connections of the host: ports come in blocks, and a block belongs
 * to whoever holds the abstract Unix socket with its name, so that the kernel arbitrates and a dead owner's are free again.
 */
import { readFileSync } from 'node:fs';
import { closeDescriptor, peerCredentials, unixConnect, unixListen } from '../native/os.js';
import { Acceptor } from '../reactor/acceptor.js';

/** Ports of a small block: what a thread begins with. */
const SMALL_PORTS = 64;
/** Ports of a large block: each block costs a descriptor, and few threads need many ports. */
const LARGE_PORTS = 1024;
/** Large blocks lie below, small ones above. */
const SMALL_FROM = 16_384;
/** Small blocks that a thread takes before it takes large ones. */
const SMALL_BLOCKS = 4;
/** Below are the ports of system services. */
const LOWEST_PORT = 1024;
const PORTS = 65_536;
/** Those who ask for a block's owner at the same time. */
const ASKERS = 1024;
/** How long it is believed that every block is taken: to see it takes milliseconds, and whoever took them may mean harm. */
const EXHAUSTED_MS = 1_000;

interface Block {
  readonly first: number;
  readonly size: number;
  readonly fd: number;
  readonly acceptor: Acceptor;
  /** By port, counted from the first: 1 where it is taken. */
  readonly taken: Uint8Array;
  takenCount: number;
  /** Where the next search begins. Ports go round: a listener that shares its port is chosen by ours, as TCP would. */
  next: number;
}

const blocks: Block[] = [];
let exhaustedAt = Number.NEGATIVE_INFINITY;

/** The abstract name whose owner has the block that begins with this port. */
export function virtualPortBlockName(first: number): string {
  return `sanswitch/ports/${first}`;
}

let ephemeral: { readonly low: number; readonly high: number } | undefined;

function ephemeralRange(): { readonly low: number; readonly high: number } {
  if (ephemeral === undefined) {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1');
    const [low, high] = text.trim().split(/\s+/).map(Number) as [number, number];
    ephemeral = { low, high };
  }
  return ephemeral;
}

function blockSize(port: number): number {
  return port < SMALL_FROM ? LARGE_PORTS : SMALL_PORTS;
}

/** The first port of the block that a port belongs to. */
export function virtualPortBlock(port: number): number {
  return port - (port % blockSize(port));
}

/** Is this a port that a virtual one can be? */
export function isVirtualPort(port: number): boolean {
  const { low, high } = ephemeralRange();
  const first = virtualPortBlock(port);
  return port >= LOWEST_PORT && port < PORTS && (first + blockSize(port) <= low || first > high);
}

/** @throws SystemError; `fd` is closed then */
function acceptorOf(fd: number): Acceptor {
  try {
    return new Acceptor(fd, closeDescriptor);
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function claimBlock(first: number): Block | null {
  let fd: number;
  try {
    fd = unixListen(virtualPortBlockName(first), ASKERS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
  // Whoever wants to know the owner connects and asks the kernel; those connections are only taken off the queue.
  const acceptor = acceptorOf(fd);
  const size = blockSize(first);
  return { first, size, fd, acceptor, taken: new Uint8Array(size), takenCount: 0, next: 0 };
}

function freshBlock(): Block | null {
  const small = (): Block | null => freshWithin(SMALL_FROM, PORTS);
  const large = (): Block | null => freshWithin(LOWEST_PORT, SMALL_FROM);
  if (performance.now() - exhaustedAt < EXHAUSTED_MS) return null;
  const block = blocks.length < SMALL_BLOCKS ? (small() ?? large()) : (large() ?? small());
  if (block === null) exhaustedAt = performance.now();
  return block;
}

function freshWithin(low: number, end: number): Block | null {
  const size = blockSize(low);
  for (let first = end - size; first >= low; first -= size) {
    if (!isVirtualPort(first) || blocks.some((block) => block.first === first)) continue;
    const block = claimBlock(first);
    if (block === null) continue;
    blocks.push(block);
    return block;
  }
  return null;
}

/** Takes a port that no other live connection of this host has. @returns null: all are taken @throws SystemError */
export function acquireVirtualPort(_address: string): number | null {
  const block = blocks.find(({ takenCount, size }) => takenCount < size) ?? freshBlock();
  if (block === null) return null;
  let place = block.next;
  while (block.taken[place] === 1) place = (place + 1) % block.size;
  block.taken[place] = 1;
  block.takenCount += 1;
  block.next = (place + 1) % block.size;
  return block.first + place;
}

/** Gives a port back. A block that nobody uses is given back too, but for one: the next port would need one again. */
export function releaseVirtualPort(_address: string, port: number): void {
  const block = ownBlock(port);
  if (block === undefined || block.taken[port - block.first] === 0) return;
  block.taken[port - block.first] = 0;
  block.takenCount -= 1;
  if (!isUnused(block) || !blocks.some((other) => other !== block && isUnused(other))) return;
  blocks.splice(blocks.indexOf(block), 1);
  block.acceptor.close();
  closeDescriptor(block.fd);
}

function ownBlock(port: number): Block | undefined {
  return blocks.find(({ first, size }) => port >= first && port < first + size);
}

function isUnused({ takenCount }: Block): boolean {
  return takenCount === 0;
}

/** Is it one that this thread has taken and not given back? */
export function holdsVirtualPort(port: number): boolean {
  const block = ownBlock(port);
  return block !== undefined && block.taken[port - block.first] === 1;
}

/** The process that owns a virtual port's block now; 0: nobody, or it can't be found out. */
export function virtualPortOwner(port: number): number {
  let fd: number;
  try {
    fd = unixConnect(virtualPortBlockName(virtualPortBlock(port)));
  } catch {
    return 0;
  }
  try {
    return peerCredentials(fd).pid;
  } catch {
    return 0;
  } finally {
    closeDescriptor(fd);
  }
}
