/** Which endpoint serves which transport. Loaded when wanted: a baseline process never loads the switch. */
import type { Endpoint } from './channel.js';
import type { PeerSetup } from './messages.js';

/** Makes the endpoint of this process. @throws what the transport throws when it can't start */
export async function makeEndpoint(spec: PeerSetup): Promise<Endpoint> {
  if (spec.actorWorkers !== undefined && spec.role === 'server') {
    const { WorkerEndpoint } = await import('./worker-endpoint.js');
    return new WorkerEndpoint(spec, spec.actorWorkers);
  }
  if (spec.program !== undefined) {
    const { ProgramEndpoint } = await import('./program-endpoint.js');
    return ProgramEndpoint.make(spec.program);
  }
  if (spec.transport === 'net') {
    const { NetEndpoint } = await import('./net-channel.js');
    return new NetEndpoint(spec);
  }
  if (spec.transport === 'ring') {
    const { RingEndpoint } = await import('./ring.js');
    return new RingEndpoint();
  }
  if (spec.actors) {
    const { ActorEndpoint } = await import('./actor-endpoint.js');
    return new ActorEndpoint(spec);
  }
  const { SwitchEndpoint } = await import('./switch-channel.js');
  return new SwitchEndpoint(spec);
}
