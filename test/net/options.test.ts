import { scenes } from '../fixtures/net/options.js';
import { describeScenes } from './worlds.js';

describeScenes('options', scenes);
