import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { requireNative } from '#src/native/load.js';
import { type Located, type Location, type Seeker, ShmConnector } from '#src/providers/shm/connector.js';
import type { ShmHost } from '#src/providers/shm/host.js';
import type { Link } from '#src/providers/shm/link.js';

/** A listener whose owner is verified. */
function verified(cookie: bigint, detail = ''): Located {
  return { link: { isDead: false } as Link, cookie, detail };
}

const ALONE = verified(7n);
const SHARING = [verified(8n, 'one of 2'), verified(9n, 'one of 2')] as const;

/** Connects that note where they have been led. */
class Connects {
  readonly found: Location[] = [];
  private readonly connector = new ShmConnector({} as ShmHost);

  constructor() {
    const known = (this.connector as unknown as { verified: Map<bigint, Located> }).verified;
    for (const located of [ALONE, ...SHARING]) known.set(located.cookie, located);
  }

  begin({ from = '127.0.0.1', to = '127.0.0.1', port = 80, isClosed = false } = {}): Seeker {
    const bound = { family: 4, address: from, port: 1024 + this.found.length } as const;
    const destination = { family: 4, address: to, port } as const;
    const seeker = { bound, destination, isClosed, located: (location: Location) => this.found.push(location) };
    this.connector.seek(seeker);
    return seeker;
  }
}

describe('the question which listener TCP would reach', () => {
  let connects: Connects;
  let asked: MockInstance<ReturnType<typeof requireNative>['reachedListener']>;

  beforeEach(() => {
    connects = new Connects();
    asked = vi.spyOn(requireNative(), 'reachedListener').mockReturnValue(ALONE.cookie);
  });

  afterEach(() => vi.restoreAllMocks());

  it('is asked once for a connect alone', async () => {
    connects.begin();
    await nextTurn();
    expect(connects.found).toEqual([ALONE]);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is asked once for all that begin in one turn, after the last of them', async () => {
    for (let i = 0; i < 64; i++) connects.begin();
    expect(asked).not.toHaveBeenCalled();
    await nextTurn();
    expect(connects.found).toEqual(Array(64).fill(ALONE));
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is asked anew in the next turn', async () => {
    connects.begin();
    await nextTurn();
    connects.begin();
    await nextTurn();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['another port', { port: 81 }],
    ['another address', { to: '127.0.0.2' }],
    ['another source', { from: '127.0.0.2' }],
  ])('is asked apart for %s', async (_, other) => {
    connects.begin();
    connects.begin(other);
    await nextTurn();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('is asked by each where listeners share the port, so that all of them get some', async () => {
    asked.mockReturnValueOnce(SHARING[0].cookie).mockReturnValueOnce(SHARING[1].cookie);
    for (let i = 0; i < 3; i++) connects.begin();
    await nextTurn();
    expect(connects.found).toEqual([...SHARING, ALONE]);
    expect(asked).toHaveBeenCalledTimes(3);
  });

  it('is asked again when the link that was found dies meanwhile', async () => {
    const dying = { ...ALONE, link: { isDead: false } as Link };
    (connects as unknown as { connector: { verified: Map<bigint, Located> } }).connector.verified.set(7n, dying);
    const [first] = [connects.begin(), connects.begin()];
    (first as { located(location: Location): void }).located = () => {
      dying.link.isDead = true;
      asked.mockReturnValue(SHARING[0].cookie);
    };
    await nextTurn();
    expect(connects.found).toEqual([SHARING[0]]);
  });

  it('is not asked for a socket that has closed', async () => {
    connects.begin({ isClosed: true });
    await nextTurn();
    expect(connects.found).toEqual([]);
    expect(asked).not.toHaveBeenCalled();
  });
});
