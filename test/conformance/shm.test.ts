import { shm } from './shm-subject.js';
import { conformance } from './suite.js';

conformance('shm', shm);
