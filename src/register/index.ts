/** `node --import sanswitch/register`: every stream socket of the program goes through the switch. */
import { guardChannels } from '../net/channels.js';
import { patch } from '../net/patch.js';
import { settingsOf, start } from '../net/thread-face.js';

// What is wrong in the environment ends the program here.
settingsOf();
if (patch()) {
  guardChannels();
  await start();
}
