import { handOverConformance } from './hand-over-suite.js';
import { shm } from './shm-subject.js';

handOverConformance('shm', shm);
