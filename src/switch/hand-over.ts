/** Handing a live connection to another owner (rule 8.1), from the request to what that owner is sent. */
import { HandOverError } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import { SwitchSocket } from '../socket/socket.js';
import type { AnyBytes, StreamSocket } from '../socket/stream-socket.js';
import type { OwnerKey } from '../spi/types.js';
import type { SwitchContext } from './context.js';
import { failureOf } from './downcalls.js';
import { SanOptions } from './options.js';
import type { SocketHandOver, SwitchOwner } from './owner.js';
import { tcp } from './registry.js';
import { AdoptedPort } from './source.js';

/** How long the peer may take to answer. */
export const HAND_OVER_TIMEOUT_MS = 5_000;

/**
 * Hands a socket of this switch to `owner`. What can't be sent now and what the application has not had travel along.
 * @param keepsDescriptor see `Switch.handOver`
 * @throws HandOverError: it stays and goes on as before, or has ended; TypeError: it is no socket of this switch
 */
export async function handOver(
  context: SwitchContext,
  given: StreamSocket<AnyBytes>,
  owner: SwitchOwner,
  timeoutMs: number,
  keepsDescriptor: boolean,
): Promise<SocketHandOver> {
  const socket: unknown = given;
  if (!(socket instanceof SwitchSocket)) throw invalidArgType('socket', 'a socket of this switch', given);
  if (!context.sockets.has(socket)) throw new HandOverError('the socket is closed, or of another switch');
  const key = keyFor(context, socket, owner);
  await socket.suspend(timeoutMs);
  const { provider, decision, place } = socket;
  const { ends, options } = place;
  const companion = options instanceof SanOptions ? options.companion : null;
  const held = companion?.held ?? null;
  try {
    // Closing the companion must not give the port back.
    if (companion !== null) companion.held = null;
    const moved = socket.leave(key);
    if (provider === tcp.name && !keepsDescriptor) tcp.release(tcp.checkContext(moved.transport.context));
    const port = held?.handOver() ?? null;
    context.counters.of(provider).handedOver += 1;
    return { provider, context: moved.transport.context, ends, decision, remembered: options.remembered, port, moved };
  } catch (error) {
    if (companion !== null) companion.held = held;
    socket.keep();
    throw refusal(context, provider, error);
  }
}

function keyFor(context: SwitchContext, { provider: name }: SwitchSocket, owner: SwitchOwner): OwnerKey {
  if (name === tcp.name) return null;
  const provider = context.running.find((running) => running.name === name);
  const key = provider === undefined ? undefined : context.owners.keyFor(provider, owner);
  if (key === undefined) throw new HandOverError(`the connection stays: ${name} can not hand it to that owner`);
  return key;
}

/** What a provider's failure to hand over means. */
function refusal(context: SwitchContext, name: string, error: unknown): Error {
  if (error instanceof HandOverError) return error;
  const provider = context.running.find((running) => running.name === name);
  const cause =
    provider === undefined ? error : failureOf('WSPDuplicateSocket', 'not-handed-over', provider.fault, error);
  return new HandOverError(`the connection stays: ${(cause as Error).message}`, { cause });
}

/** Nobody adopts the connection: by TCP/IP the peer sees a reset at once, by a SAN when its provider has waited in vain. */
export function discardHandOver({ provider, context, port }: SocketHandOver): void {
  if (port !== null) new AdoptedPort(port).release();
  if (provider === tcp.name) tcp.discard(tcp.checkContext(context));
}
