/** The descriptor of a platform's socket or server. */
import type { Server, Socket } from 'node:net';

/** Node keeps it on the handle; it has no public name there. -1 where the platform hides it. */
export function descriptorOf(owner: Server | Socket): number {
  const { _handle } = owner as unknown as { _handle?: { fd?: unknown } };
  return typeof _handle?.fd === 'number' ? _handle.fd : -1;
}
