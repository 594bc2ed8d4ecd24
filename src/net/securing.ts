/** TLS over a socket that a program has connected or accepted before (`tls.connect({ socket })`, `new TLSSocket(socket)`). */
import { TLSSocket } from 'node:tls';
import { keepHandle } from './connecting.js';
import type { Handle, InnerSocket } from './internals.js';
import { PlainHandle } from './plain-handle.js';
import { replaceHandle } from './platform.js';
import { layBelow, streamHandle } from './stream-handle.js';

/** A `TLSSocket`, with what is not in its types. */
interface InnerTlsSocket extends InnerSocket {
  _wrapHandle(wrap: InnerSocket | null, handle: Handle | undefined, ...more: unknown[]): unknown;
}

/** The handle of a socket as native code can have it. */
function nativeHandle(socket: InnerSocket, handle: Handle): Handle {
  if (!(handle instanceof PlainHandle)) {
    keepHandle(handle);
    return handle;
  }
  const { platform } = handle;
  const native = streamHandle(handle.leave(), platform);
  replaceHandle(socket, native, platform);
  return native;
}

/** Has TLS take SAN connections, which otherwise it takes for no streams. */
export function patchTls(): void {
  const prototype = TLSSocket.prototype as unknown as InnerTlsSocket;
  const wrapHandle = prototype._wrapHandle;
  prototype._wrapHandle = function patched(this: InnerTlsSocket, wrap, handle, ...more) {
    const native = wrap && handle ? nativeHandle(wrap, handle) : handle;
    const result = Reflect.apply(wrapHandle, this, [wrap, native, ...more]);
    if (native) layBelow(native, this);
    if (wrap?.sanswitch !== undefined) {
      Object.defineProperty(this, 'sanswitch', { get: () => wrap.sanswitch, configurable: true });
    }
    return result;
  };
}
