/** `node --import sanswitch/register`: every stream socket of the program goes through the switch. */

import { guardChannels } from '../net/channels.js';
import type { ServerInfo, SocketInfo } from '../net/info.js';
import { patch } from '../net/patch.js';
import { settingsOf, start } from '../net/thread-face.js';

declare module 'net' {
  interface Socket {
    /** Who serves it, once that is decided. */
    readonly sanswitch?: SocketInfo;
  }
  interface Server {
    /** Who serves its callers, once it listens on a port. */
    readonly sanswitch?: ServerInfo;
  }
}

// What is wrong in the environment ends the program here.
settingsOf();
if (patch()) {
  guardChannels();
  await start();
}
