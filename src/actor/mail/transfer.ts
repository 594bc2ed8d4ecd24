/** Memory that is handed over with a message instead of being copied. */

const marked = new WeakSet<ArrayBuffer>();

/**
 * Marks an ArrayBuffer: the next message to another thread that holds it, or a view of it, takes it along without a copy;
 * here it is detached then. A message to an actor of the same thread leaves it as it is. @returns the same buffer
 */
export function transferable(buffer: ArrayBuffer): ArrayBuffer {
  marked.add(buffer);
  return buffer;
}

/** Whether it was marked. */
export function isTransferable(buffer: ArrayBufferLike): boolean {
  return marked.has(buffer as ArrayBuffer);
}
