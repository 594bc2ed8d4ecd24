/**
 * The local address and port of a connecting companion (rule 2.5). A provider that needs none of the host's ports gets a
 * virtual one, unless the application asked for a port; any other gets the port of a TCP socket that stays bound while
 * the companion lives.
 */
import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { loadNative } from '../native/load.js';
import { bindTcp, closeDescriptor, localPort, releaseDescriptor } from '../native/os.js';
import { lendVirtualPort, returnVirtualPort } from '../ports/lent-ports.js';
import { acquireVirtualPort, releaseVirtualPort } from '../ports/virtual-ports.js';
import { NO_ERROR, WSAEADDRNOTAVAIL } from '../spi/codes.js';
import { isWildcard, type ParsedAddress, parseAddress } from './addresses.js';
import { StepFailure } from './downcalls.js';

/** A port on its way to its connection's next owner (rule 8.1). Structured-cloneable. */
export type PortHandOver =
  | { readonly kind: 'virtual'; readonly port: number }
  /** Bound to it; belongs to whoever has this. */
  | { readonly kind: 'real'; readonly fd: number };

/** A port that is held for a connection. */
export interface HeldPort {
  /** Gives the port back. Idempotent; nothing to do after `takeDescriptor` and `handOver`. */
  release(): void;
  /** The connection goes to another owner, who gives the port back. Null: there is nothing to give back. */
  handOver(): PortHandOver | null;
}

/** Where a companion is bound. */
export interface SourceBinding extends HeldPort {
  readonly address: ParsedAddress;
  readonly port: number;
  readonly kind: 'virtual' | 'real';
  /** The bound TCP socket, for a fallback to the same (rule 2.5); -1: there is none, or it is taken already. */
  takeDescriptor(): number;
}

/** The addresses of this host, asked for anew after a change (rule 1.3). */
export class LocalAddresses {
  private known: Set<string> | null = null;

  has(address: ParsedAddress): boolean {
    this.known ??= new Set(
      Object.values(networkInterfaces()).flatMap((list) =>
        (list ?? []).map((entry) => parseAddress(entry.address)?.address ?? ''),
      ),
    );
    return this.known.has(address.address);
  }

  changed(): void {
    this.known = null;
  }
}

const LOOPBACK = parseAddress('127.0.0.1') as ParsedAddress;

/** The source address that the system would choose for a destination; at once if it is plain. @throws StepFailure */
export function sourceAddress(
  destination: ParsedAddress,
  wanted: string | undefined,
  local: LocalAddresses,
): ParsedAddress | Promise<ParsedAddress> {
  if (wanted !== undefined) {
    const parsed = parseAddress(wanted);
    if (parsed === null || !isWildcard(parsed)) {
      if (parsed?.family === destination.family) return parsed;
      throw new StepFailure(
        'source-address',
        WSAEADDRNOTAVAIL,
        `${wanted} is of another family than ${destination.address}`,
      );
    }
  }
  if (destination.family === 4 && destination.bits >> 24n === 127n) return LOOPBACK;
  if (local.has(destination)) return destination;
  return askSystem(destination);
}

/** Connecting a datagram socket sends nothing and makes the system choose a route. */
function askSystem(destination: ParsedAddress): Promise<ParsedAddress> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(destination.family === 4 ? 'udp4' : 'udp6');
    const fail = (error: Error): void => {
      socket.close();
      reject(new StepFailure('source-address', WSAEADDRNOTAVAIL, error.message));
    };
    socket.once('error', fail);
    socket.connect(9, destination.address, () => {
      const source = parseAddress(socket.address().address);
      if (source === null) fail(new Error(`no route to ${destination.address}`));
      else {
        socket.close();
        resolve(source);
      }
    });
  });
}

/** Binds. @param wantedPort the port that the application asked for, if it did @throws StepFailure */
export function bindSource(address: ParsedAddress, wantedPort: number | undefined, virtual: boolean): SourceBinding {
  return virtual && wantedPort === undefined ? virtualSource(address) : realSource(address, wantedPort ?? 0);
}

function virtualSource(address: ParsedAddress): SourceBinding {
  const shared = loadNative().addon !== null;
  const port = shared ? sharedPort(address) : ownPort();
  if (port === null) throw new StepFailure('no-virtual-port', NO_ERROR, 'every virtual port of this host is in use');
  return new VirtualSource(address, port, shared);
}

/** A class, and no closures: every connection holds one. */
class VirtualSource implements SourceBinding {
  readonly kind = 'virtual';
  readonly address: ParsedAddress;
  readonly port: number;
  private held: boolean;

  /** @param held the port is ours and has to be given back */
  constructor(address: ParsedAddress, port: number, held: boolean) {
    this.address = address;
    this.port = port;
    this.held = held;
  }

  release(): void {
    if (this.held) releaseVirtualPort(this.address.address, this.port);
    this.held = false;
  }

  handOver(): PortHandOver | null {
    if (!this.held) return null;
    this.held = false;
    lendVirtualPort(this.port);
    return { kind: 'virtual', port: this.port };
  }

  takeDescriptor(): number {
    return -1;
  }
}

/** @returns null: all are taken @throws StepFailure */
function sharedPort(address: ParsedAddress): number | null {
  try {
    return acquireVirtualPort(address.address);
  } catch (error) {
    throw new StepFailure('no-virtual-port', NO_ERROR, (error as Error).message);
  }
}

const FIRST_OWN_PORT = 1_024;
const LAST_OWN_PORT = 32_767;
let lastOwnPort = LAST_OWN_PORT;

/** Without the addon no provider reaches beyond this process: a number that no recent connection of it has will do. */
function ownPort(): number {
  lastOwnPort = lastOwnPort === LAST_OWN_PORT ? FIRST_OWN_PORT : lastOwnPort + 1;
  return lastOwnPort;
}

function realSource(address: ParsedAddress, wantedPort: number): SourceBinding {
  let fd = -1;
  let port: number;
  try {
    fd = bindTcp(address.address, wantedPort, address.family);
    port = localPort(fd);
  } catch (error) {
    if (fd >= 0) closeDescriptor(fd);
    // The application hears of its own bad choice from TCP/IP, which comes next (rule 2.0).
    throw new StepFailure('bind-failed', WSAEADDRNOTAVAIL, (error as Error).message);
  }
  return {
    address,
    port,
    kind: 'real',
    release() {
      if (fd >= 0) closeDescriptor(fd);
      fd = -1;
    },
    handOver() {
      const taken = this.takeDescriptor();
      return taken < 0 ? null : { kind: 'real', fd: taken };
    },
    takeDescriptor() {
      const taken = fd;
      fd = -1;
      if (taken >= 0) releaseDescriptor(taken);
      return taken;
    },
  };
}

/** The port of a connection that comes from another owner. */
export class AdoptedPort implements HeldPort {
  private held: PortHandOver | null;

  constructor(held: PortHandOver) {
    this.held = held;
  }

  release(): void {
    const held = this.handOver();
    if (held?.kind === 'virtual') returnVirtualPort(held.port);
    // The platform closes only what it has opened itself.
    else if (held?.kind === 'real') new Socket({ fd: held.fd, pauseOnCreate: true } as object).destroy();
  }

  handOver(): PortHandOver | null {
    const { held } = this;
    this.held = null;
    return held;
  }
}
