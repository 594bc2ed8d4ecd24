/** Who serves a socket of the platform's. */
import type { Socket } from 'node:net';
import type { Connected } from './messages.js';

/** What `sanswitch/register` has put on it; sockets that it knows nothing of have nothing. */
interface Marked {
  readonly sanswitch?: { readonly provider: string; readonly decision: object };
}

/** The provider: `node:net` for TCP/IP, whether the switch has chosen it or was never asked. */
export function describeSocket(socket: Socket | Marked): Connected {
  const served = (socket as Marked).sanswitch;
  if (served === undefined) return { provider: 'node:net', decision: 'no switch: TCP loopback by the platform' };
  const provider = served.provider === 'tcp' ? 'node:net' : served.provider;
  return { provider, decision: JSON.stringify(served.decision) };
}
