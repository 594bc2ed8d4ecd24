/** A device that can not read its peer's memory: the sender writes (rule 5.7). */
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { movesData } from './poor-devices.js';

const fake = await useFakeVerbs('without read fake0');

movesData(fake, 'read', ['ibv_alloc_mw'], []);
