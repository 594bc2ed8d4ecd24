/** Which endpoint serves which transport. Loaded when wanted: a baseline process never loads the switch. */
import type { Endpoint } from './channel.js';
import type { TransportSpec } from './messages.js';

/** Makes the endpoint of this process. @throws what the transport throws when it can't start */
export async function makeEndpoint(spec: TransportSpec): Promise<Endpoint> {
  if (spec.transport === 'net') {
    const { NetEndpoint } = await import('./net-channel.js');
    return new NetEndpoint(spec);
  }
  if (spec.transport === 'ring') {
    const { RingEndpoint } = await import('./ring.js');
    return new RingEndpoint();
  }
  const { SwitchEndpoint } = await import('./switch-channel.js');
  return new SwitchEndpoint(spec);
}
