/** Listening: the platform's server listens on TCP/IP, and companions beside it (rule 4.1); it takes the callers of both. */
import { AsyncResource } from 'node:async_hooks';
import type { AddressInfo, Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { SwitchSocket } from '../socket/socket.js';
import type { Switch } from '../switch/switch.js';
import type { Handle, InnerServer } from './internals.js';
import { PlainHandle } from './plain-handle.js';
import { type Platform, platformOf } from './platform.js';
import { canStream, streamHandle } from './stream-handle.js';
import { current, start } from './thread-face.js';

const watched = new WeakSet<Handle>();

/** Companions beside a server that has just begun to listen. Idempotent. */
export function watchListen(given: Server): void {
  const server = given as InnerServer;
  const handle = server._handle;
  if (!handle || watched.has(handle) || typeof handle.connect6 !== 'function') return;
  const platform = platformOf(handle);
  if (typeof platform === 'string') return;
  watched.add(handle);
  const sw = current();
  if (sw !== null) new Beside(server, handle, platform).open(sw);
  else {
    const beside = new Beside(server, handle, platform);
    // `listening` waits, so that who hears of it can be reached by the SAN as well.
    beside.hold();
    start().then(
      (made) => beside.open(made),
      (error: Error) => server.emit('error', error),
    );
  }
}

class Beside {
  private readonly server: InnerServer;
  private readonly handle: Handle;
  private readonly platform: Platform;
  private readonly resource = new AsyncResource('TCPSERVERWRAP');
  private isClosed = false;
  private isHolding = false;
  private owed = false;

  constructor(server: InnerServer, handle: Handle, platform: Platform) {
    this.server = server;
    this.handle = handle;
    this.platform = platform;
  }

  hold(): void {
    const { server } = this;
    this.isHolding = true;
    const emit = server.emit;
    server.emit = ((event: string, ...args: unknown[]) => {
      if (event !== 'listening' || !this.isHolding) return Reflect.apply(emit, server, [event, ...args]) as boolean;
      this.owed = true;
      return true;
    }) as typeof emit;
  }

  open(sw: Switch): void {
    if (!this.isClosed && this.server._handle === this.handle) this.listen(sw);
    if (!this.isHolding) return;
    this.isHolding = false;
    delete (this.server as Partial<InnerServer>).emit;
    if (this.owed && this.server._handle !== null) this.server.emit('listening');
  }

  private listen(sw: Switch): void {
    const { server, handle } = this;
    const companions = sw.listenBeside<null>({
      address: server.address() as AddressInfo,
      descriptor: handle.fd ?? -1,
      place: () => null,
      connected: (stream) => this.connected(stream),
      handedOver() {},
      failed: (error) => process.emitWarning(error),
    });
    const { close } = handle;
    handle.close = (closed) => {
      this.isClosed = true;
      companions.close();
      Reflect.apply(close, handle, [closed]);
    };
  }

  private connected(stream: SwitchSocket): void {
    const { server, handle, platform } = this;
    if (this.isClosed || typeof handle.onconnection !== 'function') {
      stream.abort();
      return;
    }
    const isTls = server instanceof TlsServer;
    if (isTls && !canStream()) {
      stream.abort();
      return;
    }
    const own = isTls ? streamHandle(stream, platform) : new PlainHandle(stream, platform);
    this.resource.runInAsyncScope(handle.onconnection, handle, 0, own);
  }
}
