import { connect as netConnect } from 'node:net';
import { createSwitch, ProviderRequiredError } from 'sanswitch';
import { WSAECONNRESET, WSAENOBUFS, WSAETIMEDOUT } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { afterwards, failure, listening, makeRig, plainServer, type Rig } from './helpers.js';

const host = '127.0.0.1';

describe('a demanded provider', () => {
  it('serves', async () => {
    const { sw } = await makeRig({ strict: true });
    const { port } = await listening(sw);
    expect((await sw.connect({ port, host })).provider).toBe('san');
    expect(sw.providers()[1]).toMatchObject({ name: 'san', required: true });
  });

  it.each([
    ['fails', (rig: Rig) => Object.assign(rig.script, { WSPConnect: () => WSAETIMEDOUT }), 'connect-failed'],
    ['has no socket', (rig: Rig) => Object.assign(rig.script, { WSPBind: () => WSAENOBUFS }), 'bind-failed'],
    [
      'does not serve',
      (rig: Rig) => {
        rig.loop.serve([]);
        rig.addressesChanged();
      },
      'no-subnet',
    ],
  ])('[WSD-3.3] is not fallen back from when it %s', async (_what, prepare, reason) => {
    const rig = await makeRig({ strict: true });
    const { port, sockets } = await plainServer();
    prepare(rig);
    const error = await failure(rig.sw.connect({ port, host }));
    expect(error).toBeInstanceOf(ProviderRequiredError);
    expect(error).toMatchObject({
      code: 'ERR_SANSWITCH_PROVIDER_REQUIRED',
      syscall: 'connect',
      address: host,
      port,
      decision: { operation: 'connect', provider: null, candidates: [{ provider: 'san', reason }] },
    });
    expect(error.message).toContain(reason);
    expect(error.message).toContain('demands san');
    expect(sockets).toHaveLength(0);
  });

  it('[WSD-3.3] says nothing about a connection that TCP/IP would not have got either', async () => {
    const rig = await makeRig({ strict: true });
    rig.script.WSPConnect = () => WSAECONNRESET;
    expect(await failure(rig.sw.connect({ port: 9, host }))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('that could not start fails every connect and listen, with the reason', async () => {
    const { execFileSync } = await import('node:child_process');
    const program = `
      import { createSwitch } from 'sanswitch';
      const sw = await createSwitch({ providers: ['shm!'] });
      const errors = [];
      await sw.connect({ port: 9 }).catch((error) => errors.push(error));
      await sw.listen({ port: 0 }, () => {}).catch((error) => errors.push(error));
      console.log(JSON.stringify(errors.map(({ code, message, decision }) => ({ code, message, decision }))));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, SANSWITCH_NO_NATIVE: '1' },
      encoding: 'utf8',
    });
    const errors = JSON.parse(output);
    expect(errors).toHaveLength(2);
    for (const { code, message, decision } of errors) {
      expect(code).toBe('ERR_SANSWITCH_PROVIDER_REQUIRED');
      expect(message).toContain('native-unavailable');
      expect(decision.candidates[0]).toMatchObject({
        provider: 'shm',
        outcome: 'left-out',
        reason: 'native-unavailable',
      });
    }
  });

  it('[WSD-4.1] that can’t listen makes the listen fail, and nothing listens', async () => {
    const { sw, script, loop } = await makeRig({ strict: true });
    script.WSPListen = () => WSAENOBUFS;
    const { port } = await plainServer();
    const error = await failure(sw.listen({ port: 0, host }, () => {}));
    expect(error).toMatchObject({
      code: 'ERR_SANSWITCH_PROVIDER_REQUIRED',
      syscall: 'listen',
      decision: { operation: 'listen', provider: null },
    });
    expect(sw.stats().listeners).toBe(0);
    const listenedOn = (error.decision as { port: number }).port;
    const probe = await new Promise((resolve) => {
      const socket = netConnect(listenedOn, host, () => resolve('connected'));
      socket.on('error', (failed: NodeJS.ErrnoException) => resolve(failed.code));
    });
    expect(probe).toBe('ECONNREFUSED');
    expect(loop.counters.openSockets).toBeLessThanOrEqual(2);
    // TCP/IP's own errors come first, and are the application's.
    expect(await failure(sw.listen({ port, host }, () => {}))).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('arrivals by TCP/IP are reset and counted', async () => {
    const { sw } = await makeRig({ strict: true });
    const { port, sockets } = await listening(sw);
    const code = await new Promise((resolve) => {
      const socket = netConnect(port, host);
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on('close', () => resolve('closed'));
      socket.resume();
    });
    expect(code).toBe('ECONNRESET');
    expect(sockets).toHaveLength(0);
    expect(sw.stats().providers.tcp).toMatchObject({ rejects: 1, accepts: 0 });
    expect(sw.stats().decisions['tcp:failed:provider-required']).toBe(1);
  });

  it('leaves others out of the choice', async () => {
    const { LoopProvider } = await import('#src/providers/loop/provider.js');
    const { LoopFabric } = await import('#src/providers/loop/fabric.js');
    const fabric = new LoopFabric();
    const sw = await createSwitch({
      providers: [
        { name: 'other', provider: new LoopProvider({ fabric }) },
        { name: 'wanted', provider: new LoopProvider({ fabric }), required: true },
      ],
    });
    afterwards(() => sw.close());
    const { port, listener } = await listening(sw);
    expect(listener.decision.candidates).toContainEqual({
      provider: 'other',
      outcome: 'not-serving',
      reason: 'not-demanded',
    });
    expect((await sw.connect({ port, host })).provider).toBe('wanted');
  });

  it('may be TCP/IP itself', async () => {
    const { LoopProvider } = await import('#src/providers/loop/provider.js');
    const sw = await createSwitch({ providers: ['tcp!', { name: 'san', provider: new LoopProvider() }] });
    afterwards(() => sw.close());
    const { port } = await listening(sw);
    expect((await sw.connect({ port, host })).provider).toBe('tcp');
  });
});
