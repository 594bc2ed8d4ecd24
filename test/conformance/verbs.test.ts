import { conformance } from './suite.js';
import { verbs } from './verbs-subject.js';

conformance('verbs', verbs);
conformance('verbs with receives that all connections share', () => verbs({ sharedReceiveQueueFrom: 0 }));
