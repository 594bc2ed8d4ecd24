/** Where suites run with both ends in the test's process: over shared memory, and over RDMA, by a device or the fake libraries. */
import { fakeVerbs, verbsEntry, verbsHost } from '../fixtures/verbs-place.js';
import { type Place, places } from './places.js';

const shm = places.filter(({ provider }) => provider === 'shm');

/** All of them. Where a device is given, nothing but that. */
export const localPlaces: readonly Place[] =
  fakeVerbs === null
    ? places
    : [
        ...shm,
        ...(['inline', 'dedicated'] as const).map((poller) => ({
          name: `verbs, polled ${poller}`,
          provider: 'verbs' as const,
          host: verbsHost,
          options: { providers: [verbsEntry], poller },
          isSlow: false,
        })),
      ];
