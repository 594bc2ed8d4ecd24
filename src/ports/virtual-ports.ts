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

interface Block {
  readonly first: number;
  readonly size: number;
  readonly fd: number;
  readonly acceptor: Acceptor;
  readonly free: number[];
  /** By port, counted from the first: 1 where it is taken. */
  readonly taken: Uint8Array;
}

const blocks: Block[] = [];

function blockName(first: number): string {
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

function claimBlock(first: number): Block | null {
  let fd: number;
  try {
    fd = unixListen(blockName(first), ASKERS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
  // Whoever wants to know the owner connects and asks the kernel; those connections are only taken off the queue.
  const acceptor = new Acceptor(fd, closeDescriptor);
  const size = blockSize(first);
  const free = Array.from({ length: size }, (_, i) => first + i);
  return { first, size, fd, acceptor, free, taken: new Uint8Array(size) };
}

function freshBlock(): Block | null {
  const small = (): Block | null => freshWithin(SMALL_FROM, PORTS);
  const large = (): Block | null => freshWithin(LOWEST_PORT, SMALL_FROM);
  return blocks.length < SMALL_BLOCKS ? (small() ?? large()) : (large() ?? small());
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
  const block = blocks.find((candidate) => candidate.free.length > 0) ?? freshBlock();
  // The one that has been free for longest: as with TCP, the next connection comes from another port, by which the kernel
  // also chooses among sockets that share one.
  const port = block?.free.shift();
  if (block === null || port === undefined) return null;
  block.taken[port - block.first] = 1;
  return port;
}

/** Gives a port back. A block that nobody uses is given back too, but for one: the next port would need one again. */
export function releaseVirtualPort(_address: string, port: number): void {
  const block = ownBlock(port);
  if (block === undefined || block.taken[port - block.first] === 0) return;
  block.taken[port - block.first] = 0;
  block.free.push(port);
  if (!isUnused(block) || !blocks.some((other) => other !== block && isUnused(other))) return;
  blocks.splice(blocks.indexOf(block), 1);
  block.acceptor.close();
  closeDescriptor(block.fd);
}

function ownBlock(port: number): Block | undefined {
  return blocks.find(({ first, size }) => port >= first && port < first + size);
}

function isUnused({ free, size }: Block): boolean {
  return free.length === size;
}

/** Is it one that this thread has taken and not given back? */
export function holdsVirtualPort(port: number): boolean {
  const block = ownBlock(port);
  return block !== undefined && block.taken[port - block.first] === 1;
}

/** The process that owns a virtual port's block now; 0: nobody. */
export function virtualPortOwner(port: number): number {
  let fd: number;
  try {
    fd = unixConnect(blockName(virtualPortBlock(port)));
  } catch {
    return 0;
  }
  const { pid } = peerCredentials(fd);
  closeDescriptor(fd);
  return pid;
}
