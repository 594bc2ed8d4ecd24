import { scenes } from '../fixtures/net/flows.js';
import { describeScenes } from './worlds.js';

describeScenes('flows', scenes);
