/** A process that computes for stretches, as it is told, and has nothing to do with anybody. */
import { Computing, type Stretches } from './computing.js';

let computing: Computing | undefined;
process.on('message', (stretches: Stretches | null) => {
  computing?.stop();
  computing = stretches === null ? undefined : new Computing(stretches);
});
process.once('disconnect', () => process.exit(0));
