/** `npm run soak`: what must go well for as long as you like. */
import { actors } from './actors.js';
import { handOff } from './hand-off.js';

const KINDS = { actors, 'hand-off': handOff };

const [first = '', ...rest] = process.argv.slice(2);
if (first in KINDS) await KINDS[first as keyof typeof KINDS](rest);
else if (first === '' || first.startsWith('-')) await actors(process.argv.slice(2));
else {
  process.stderr.write(`soak: there are ${Object.keys(KINDS).join(' and ')}, not '${first}' (--help says more)\n`);
  process.exitCode = 2;
}
