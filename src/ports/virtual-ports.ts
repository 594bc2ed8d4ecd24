/**
 * Virtual ports (rule 2.5): what a shared-memory connection has in place of an ephemeral TCP port. They lie outside the
 * host's ephemeral range and are unique among the live connections of the host: ports come in blocks, and a block belongs
 * to whoever holds the abstract Unix socket with its name, so that the kernel arbitrates and a dead owner's are free again.
 */
import { readFileSync } from 'node:fs';
import { closeDescriptor, peerCredentials, unixConnect, unixListen } from '../native/os.js';
import { Acceptor } from '../reactor/acceptor.js';

/** Ports of one block. */
const BLOCK_PORTS = 64;
/** Below are the ports of system services. */
const LOWEST_PORT = 1024;
const PORTS = 65_536;

interface Block {
  readonly first: number;
  readonly fd: number;
  readonly acceptor: Acceptor;
  readonly free: number[];
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

/** Is this a port that a virtual one can be? */
export function isVirtualPort(port: number): boolean {
  const { low, high } = ephemeralRange();
  const first = port - (port % BLOCK_PORTS);
  return port >= LOWEST_PORT && port < PORTS && (first + BLOCK_PORTS <= low || first > high);
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
    fd = unixListen(blockName(first), BLOCK_PORTS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
  // Whoever wants to know the owner connects and asks the kernel; those connections are only taken off the queue.
  const acceptor = acceptorOf(fd);
  return { first, fd, acceptor, free: Array.from({ length: BLOCK_PORTS }, (_, i) => first + BLOCK_PORTS - 1 - i) };
}

function freshBlock(): Block | null {
  for (let first = PORTS - BLOCK_PORTS; first >= LOWEST_PORT; first -= BLOCK_PORTS) {
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
  return block?.free.pop() ?? null;
}

/** Gives a port back. An empty block is given back too, unless it is the only one. */
export function releaseVirtualPort(_address: string, port: number): void {
  const index = blocks.findIndex((block) => port >= block.first && port < block.first + BLOCK_PORTS);
  const block = blocks[index];
  if (block === undefined) return;
  block.free.push(port);
  if (block.free.length < BLOCK_PORTS || blocks.length === 1) return;
  blocks.splice(index, 1);
  block.acceptor.close();
  closeDescriptor(block.fd);
}

/** Is it one that this thread has taken and not given back? */
export function holdsVirtualPort(port: number): boolean {
  return blocks.some(({ first, free }) => port >= first && port < first + BLOCK_PORTS && !free.includes(port));
}

/** The process that owns a virtual port's block now; 0: nobody, or it can't be found out. */
export function virtualPortOwner(port: number): number {
  let fd: number;
  try {
    fd = unixConnect(blockName(port - (port % BLOCK_PORTS)));
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
