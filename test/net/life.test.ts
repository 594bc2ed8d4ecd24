import { scenes } from '../fixtures/net/life.js';
import { describeScenes } from './worlds.js';

describeScenes('life', scenes);
