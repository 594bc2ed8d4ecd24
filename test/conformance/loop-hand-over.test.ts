import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { handOverConformance } from './hand-over-suite.js';

handOverConformance('loop', () => {
  const fabric = new LoopFabric();
  const another = () => new LoopProvider({ fabric, poison: true });
  return { provider: another(), another };
});
