import { scenes } from '../fixtures/net/secure.js';
import { describeScenes } from './worlds.js';

describeScenes('secure', scenes);
