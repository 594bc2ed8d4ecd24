/** Programs that know nothing of the switch, on real verbs: what they see is what they see over TCP/IP at the same address. */
import { scenes } from '../fixtures/net/flows.js';
import { describeScenes } from '../net/worlds.js';

describeScenes('flows', scenes, ['verbs']);
