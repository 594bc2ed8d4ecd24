/** Shared memory in pages of its own. */

/** What the library's types do not know yet, and every supported Node has. */
type Growable = new (bytes: number, options: { readonly maxByteLength: number }) => SharedArrayBuffer;

/**
 * Makes shared memory whose pages cost nothing until they are touched, and go back to the system with it. An ordinary
 * SharedArrayBuffer is the allocator's: once one has been freed, the next is cut from its heap, written full of zeros, and
 * the heap hardly ever shrinks again (20 runtimes opened and closed left 300 MiB behind). One that could grow, if only by
 * nothing, is mapped.
 *
 * A view of it must be given its length: only then is it as fast as a view of memory that can't grow.
 */
export function sharedPages(bytes: number): SharedArrayBuffer {
  return new (SharedArrayBuffer as unknown as Growable)(bytes, { maxByteLength: bytes });
}
