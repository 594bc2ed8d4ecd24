/** A device without memory windows: the peer is given a key per use (rule 6.1). */
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { movesData } from './poor-devices.js';

const fake = await useFakeVerbs('without windows fake0; without srq fake0; without inline fake0');

movesData(fake, 'write', ['ibv_reg_mr', 'ibv_dereg_mr'], ['ibv_alloc_mw', 'ibv_create_srq']);
