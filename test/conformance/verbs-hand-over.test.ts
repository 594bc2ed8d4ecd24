import { handOverConformance } from './hand-over-suite.js';
import { verbs } from './verbs-subject.js';

handOverConformance('verbs', verbs);
handOverConformance('verbs with receives that all connections share', () => verbs({ sharedReceiveQueueFrom: 0 }));
