import { expect } from 'vitest';
import { Delay } from '#src/providers/interpose/delay.js';
import { interpose } from '#src/providers/interpose/provider.js';
import { Trace } from '#src/providers/interpose/trace.js';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import type { Subject } from './rig.js';
import { conformance } from './suite.js';

const NOTHING_LEFT = {
  openSockets: 0,
  pendingOverlapped: 0,
  registrations: 0,
  registeredBytes: 0,
  messageBuffers: 0,
  lentBytes: 0,
  overruns: 0,
};

function loop(options: LoopOptions): Subject & { provider: LoopProvider } {
  const provider = new LoopProvider({ fabric: new LoopFabric(), poison: true, maxRdmaBytes: 5000, ...options });
  return { provider, dispose: () => expect(provider.counters).toMatchObject(NOTHING_LEFT) };
}

const small = { maxMessageBytes: 512, queueBytes: 4096, rdmaThresholdBytes: 1024 };

conformance('loop, as shared memory is', () => loop({ ...small, claimsMessageBuffers: true, lendsReceives: true }));
conformance('loop, as RDMA hardware is', () =>
  loop({ ...small, claimsMessageBuffers: false, lendsReceives: false, noListener: 'reset' }),
);
conformance('loop without RDMA read, flow control with posted receives', () =>
  loop({ ...small, claimsMessageBuffers: true, lendsReceives: false, rdmaRead: false, cacheCallback: false }),
);
conformance('loop without flow control, lending, losing unsent messages at the close', () =>
  loop({ ...small, claimsMessageBuffers: false, lendsReceives: true, closeDropsUncompletedSends: true }),
);
const lending = { messageBuffers: 4, lentBytes: 2_000, applicationBytes: 10_000 };
conformance('loop without flow control, with memory to lend', () =>
  loop({ ...small, ...lending, claimsMessageBuffers: false, lendsReceives: true }),
);
conformance('interpose over loop', () => {
  const subject = loop(small);
  return {
    ...subject,
    provider: interpose(subject.provider, new Trace(), new Delay((work) => void setImmediate(work))),
  };
});
conformance('interpose over loop with memory to lend', () => {
  const subject = loop({ ...small, ...lending, claimsMessageBuffers: false, lendsReceives: true });
  return { ...subject, provider: interpose(subject.provider, new Trace()) };
});
