import { describe, expect, it } from 'vitest';
import { listening, makeRig, order, readAll, until } from './helpers.js';

const host = '127.0.0.1';

async function pair(options: Parameters<typeof makeRig>[0] = {}) {
  const rig = await makeRig(options);
  const { port, next } = await listening(rig.sw);
  const near = await rig.sw.connect({ port, host });
  const far = await next();
  return { ...rig, near, far };
}

describe('shutting down and closing', () => {
  it('[WSD-7.1] half-close is the session’s: the provider sees messages and no shutdown', async () => {
    const { near, far, trace } = await pair();
    near.send(Buffer.from('request'));
    const from = trace.entries.length;
    near.end();
    expect(String(await readAll(far))).toBe('request');
    expect(order(trace, from)).not.toContain('WSPCloseSocket');
    expect(near.state).toBe('readOnly');
    expect(far.state).toBe('writeOnly');
    far.send(Buffer.from('answer'));
    far.end();
    expect(String(await readAll(near))).toBe('answer');
    await until(() => near.state === 'closed' && far.state === 'closed');
  });

  it('[WSD-7.2] on close the pending operations end first, and the handle is the last upcall of each socket', async () => {
    const { near, far, trace, loop, fabric } = await pair();
    const from = trace.entries.length;
    await Promise.all([near.close(), far.close()]);
    await until(() => loop.counters.openSockets === 2, 'the release');
    const entries = trace.entries.slice(from);
    const closings = entries.filter(({ kind, name }) => kind === 'up' && name === 'WPUCloseSocketHandle');
    expect(closings).toHaveLength(2);
    for (const closing of closings) {
      const handle = closing.args[0];
      const upcalls = entries.filter(({ kind, args }) => kind === 'up' && args[0] === handle).map(({ name }) => name);
      expect(upcalls.at(-1)).toBe('WPUCloseSocketHandle');
    }
    expect(loop.counters.pendingOverlapped).toBe(0);
    expect(fabric.faults).toEqual([]);
  });

  it('[WSD-7.3] an abort is the peer’s ECONNRESET', async () => {
    const { near, far } = await pair();
    const closed = new Promise<Error | null>((resolve) => {
      far.handlers = { received() {}, closed: (_socket, error) => resolve(error) };
    });
    near.abort();
    expect(await closed).toMatchObject({ code: 'ECONNRESET' });
  });

  it('[WSD-7.3] an orderly end is an end of stream, and no error', async () => {
    const { near, far } = await pair();
    const events: string[] = [];
    far.handlers = {
      received: () => events.push('received'),
      ended: (socket) => {
        events.push('ended');
        socket.end();
      },
      closed: (_socket, error) => events.push(`closed ${error}`),
    };
    near.send(Buffer.from('last words'));
    await near.close();
    await until(() => events.includes('closed null'));
    expect(events).toEqual(['received', 'ended', 'closed null']);
  });

  it('[WSD-7.4] the switch closes a socket whose peer is gone, and only then is it released', async () => {
    const { near, far, trace } = await pair();
    far.handlers = { received() {} };
    const from = trace.entries.length;
    near.abort();
    await until(() => far.state === 'closed');
    const entries = trace.entries.slice(from);
    for (const [index, entry] of entries.entries()) {
      if (entry.kind !== 'up' || entry.name !== 'WPUCloseSocketHandle') continue;
      const before = entries.slice(0, index).filter(({ kind, name }) => kind === 'down' && name === 'WSPCloseSocket');
      const released = entries
        .slice(0, index + 1)
        .filter(({ kind, name }) => kind === 'up' && name === 'WPUCloseSocketHandle');
      expect(before.length).toBeGreaterThanOrEqual(released.length);
    }
    expect(order(trace, from).filter((name) => name === 'WSPCloseSocket')).toHaveLength(2);
  });

  it('a peer that never ends: close() resets after its time', async () => {
    const { near, far } = await pair({ sw: { closeTimeoutMs: 50 } });
    far.handlers = { received() {}, ended() {} };
    const start = performance.now();
    await near.close();
    expect(performance.now() - start).toBeGreaterThan(40);
    expect(near.state).toBe('closed');
    await until(() => far.state === 'closed');
  });

  it('close() drops what the peer still sends', async () => {
    const { near, far } = await pair();
    let received = 0;
    near.handlers = { received: () => received++ };
    far.handlers = {
      ended: (socket) => {
        socket.send(Buffer.alloc(200_000));
        socket.end();
      },
      received() {},
    };
    await near.close();
    expect(received).toBe(0);
    await until(() => far.state === 'closed');
  });
});
