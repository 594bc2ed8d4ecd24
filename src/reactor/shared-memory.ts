/** Plain memory that threads of this process share, as the reactor knows it: a window into which nothing is mapped. */
import { requireNative } from '../native/load.js';
import { check } from '../native/os.js';

/** Memory of which the reactor can watch words. Kept until `close`, or the end of the thread. */
export class SharedMemory {
  readonly buffer: SharedArrayBuffer;
  /** By which `Reactor.addLink` and `addWatch` know it; words are counted from the start of the buffer. */
  readonly windowId: number;

  /** @throws NativeUnavailableError, SystemError */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.windowId = check(
      requireNative().registerMemory(new Uint8Array(buffer, 0, buffer.byteLength)),
      'registerMemory',
    );
  }

  /** Forgets it, once. Its links have been removed from the reactor by then. @throws SystemError EBUSY: they have not */
  close(): void {
    check(requireNative().unregisterMemory(this.windowId), 'unregisterMemory');
  }
}
