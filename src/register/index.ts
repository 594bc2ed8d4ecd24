/** `node --import sanswitch/register`: every stream socket of the program goes through the switch. */
import { patch } from '../net/patch.js';
import { start } from '../net/thread-face.js';

patch();
await start();
