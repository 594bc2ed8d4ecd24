/** What one connection may have of the memory for large transfers, so that the others have theirs; over the fake libraries. */
import { NO_ERROR, WSAENOBUFS } from 'sanswitch/spi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MEM_READ } from '#src/spi/types.js';
import type { Endpoint } from '../conformance/harness.js';
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { ProviderRig } from './provider-rig.js';

const MIB = 1 << 20;
const CACHE_BYTES = 4 * MIB;

await useFakeVerbs();

let rig: ProviderRig;
let one: Endpoint;
let another: Endpoint;

beforeEach(async () => {
  rig = await ProviderRig.start({}, { registrationCacheBytes: CACHE_BYTES });
  ({ near: one } = await rig.connected());
  ({ near: another } = await rig.connected());
});

afterEach(() => rig.stop());

/** Does `count` times what gives a handle, or fails for want of memory. @returns the handles that were had */
function tryTimes(count: number, get: () => number | null): number[] {
  return Array.from({ length: count }, get).filter((handle) => handle !== null);
}

describe('[WSD-5.4] memory that is open to the peer', () => {
  const expose = (to: Endpoint) => () => {
    try {
      return rig.harness.extensions.WSPRegisterRdmaMemory?.(to.socket, new Uint8Array(MIB), MEM_READ).handle ?? null;
    } catch (error) {
      expect(error).toMatchObject({ wsaCode: WSAENOBUFS });
      return null;
    }
  };
  const close = (to: Endpoint, handle: number) =>
    expect(rig.harness.extensions.WSPDeregisterRdmaMemory?.(to.socket, handle)).toBe(NO_ERROR);

  it('one connection has several parts within half of what the cache may hold; then each has one', () => {
    const several = tryTimes(4, expose(one));
    expect(several).toHaveLength(CACHE_BYTES / 2 / MIB);
    const [first] = tryTimes(2, expose(another));
    expect(tryTimes(1, expose(another))).toEqual([]);
    for (const handle of several) close(one, handle);
    // There is room again.
    expect(tryTimes(4, expose(another))).toHaveLength(1);
    close(another, first as number);
    expect(tryTimes(4, expose(another))).toHaveLength(1);
  });

  it('what a connection had is counted no more when that has ended', async () => {
    expect(tryTimes(2, expose(one))).toHaveLength(2);
    rig.harness.close(one.socket);
    await rig.harness.until('its end', () => rig.harness.closedHandles.includes(one.handle));
    expect(tryTimes(4, expose(another))).toHaveLength(2);
  });
});

describe('[WSD-5.4] memory that is lent', () => {
  const borrow = (to: Endpoint) => () => rig.harness.spi.WSPBorrowMemory?.(to.socket, MIB)?.handle ?? null;

  it('one connection has several blocks as long as half of all are free; then each has one', () => {
    const several = tryTimes(100, borrow(one));
    expect(several).toHaveLength(32);
    expect(tryTimes(3, borrow(another))).toHaveLength(1);
    for (const handle of several) expect(rig.harness.spi.WSPReturnMemory?.(one.socket, handle)).toBe(NO_ERROR);
    expect(tryTimes(100, borrow(another))).toHaveLength(31);
  });
});
