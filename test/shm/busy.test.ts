/** A worker that does nothing but compute for 200 ms: the wire goes on, nobody is reset, nothing is lost. */
import { createSwitch, type Switch, type SwitchOptions } from 'sanswitch';
import { afterEach, describe, expect, it } from 'vitest';
import { Party } from './party.js';
import { patternCrc } from './pattern.js';
import { killPeers, Peer, STRICT } from './peer.js';

const BUSY_MS = 200;
const KIB = 1024;
let sw: Switch | undefined;

afterEach(async () => {
  await sw?.close();
  await killPeers();
});

async function connect(port: number): Promise<Party> {
  const party = new Party('sink');
  party.socket = await (sw as Switch).connect({ host: '127.0.0.1', port, handlers: party.handlers });
  return party;
}

describe.each(['inline', 'dedicated'] as const)('a busy worker, %s', (poller) => {
  const options: SwitchOptions = { ...STRICT, poller };

  it.each(['thread', 'process'] as const)('of another %s', { timeout: 30_000 }, async (kind) => {
    const [busy, free] = [await Peer[kind](options), await Peer.thread(options)];
    sw = await createSwitch(options);
    const [slow, quick] = [await busy.do.listen('echo'), await free.do.listen('echo')];
    const [slowParty, quickParty] = [await connect(slow.port), await connect(quick.port)];
    slowParty.socket.send(Buffer.from('x'));
    await slowParty.got(1);

    const start = performance.now();
    let isBusy = true;
    const working = busy.do.busy(BUSY_MS).then(() => {
      isBusy = false;
    });
    // Small enough for the ring: all of it leaves at once, whether the reader has time or not.
    const ahead = { totalBytes: 24 * KIB, seed: 3, minBytes: 64, maxBytes: 4 * KIB };
    const sent = await slowParty.flood(ahead);
    const leftMs = performance.now() - start;
    let echoes = 0;
    while (isBusy) {
      quickParty.socket.send(Buffer.from('ping'));
      await quickParty.got(4 * ++echoes);
    }
    await working;
    expect(leftMs).toBeLessThan(BUSY_MS);
    expect(slowParty.socket.queuedBytes).toBe(0);
    expect(echoes).toBeGreaterThan(10);
    // Everything comes back, and more goes than any ring holds.
    const more = { totalBytes: 24 * KIB * KIB, seed: 4, minBytes: 64 * KIB };
    const flooding = slowParty.flood(more);
    await busy.do.busy(BUSY_MS);
    await flooding;
    await slowParty.got(1 + ahead.totalBytes + more.totalBytes, 20_000);
    expect(slowParty.error).toBe(null);
    expect(sent).toBe(patternCrc(ahead));
    slowParty.socket.end();
    await slowParty.closing();
    expect(slowParty.facts()).toMatchObject({ errorCode: null, ended: true });
  });
});
