/** `sanswitch/net`: the shape of `node:net`, and what its sockets and servers are. */
import { describe, expect, it } from 'vitest';
import { answer, NET, PAIR, program } from './program.js';

const plain = { nodeArgs: [] };
const ONE = PAIR.replace("'node:net'", `'${NET}'`);

describe('the shape', () => {
  it('has every name of node:net, and passes on what it does not replace', async () => {
    const names = await answer(
      `import * as platform from 'node:net'; import * as ours from '${NET}';
       const replaced = (all, other) => Object.keys(other).filter((name) => name !== 'default' && all[name] !== other[name]);
       const lacks = Object.keys(platform).filter((name) => !(name in ours) || !(name in ours.default) && name !== 'default');
       console.log(JSON.stringify([lacks, replaced(ours, platform), replaced(ours.default, platform)]));`,
      plain,
    );
    const own = ['Server', 'Socket', 'Stream', 'connect', 'createConnection', 'createServer'];
    expect(names).toEqual([[], own, own]);
  });

  it('is there for require, too, and patches nothing', async () => {
    const told = await answer(
      `const platform = require('node:net');
       const before = [platform.Socket.prototype.connect, platform.Server.prototype._listen2, platform.connect];
       const net = require(new URL('${NET}').pathname);
       const after = [platform.Socket.prototype.connect, platform.Server.prototype._listen2, platform.connect];
       console.log(JSON.stringify([typeof net.connect, typeof net.default.connect, before.every((f, i) => f === after[i])]));`,
      { ...plain, name: 'program.cjs' },
    );
    expect(told).toEqual(['function', 'function', true]);
  });
});

describe('its sockets and servers', () => {
  it('go through the switch', async () => {
    expect(await answer(`${ONE}\nconsole.log(JSON.stringify(await pair()));`, plain)).toEqual({
      text: 'ping',
      provider: 'shm',
      why: ['shm chosen served'],
      listened: ['tcp chosen owns-the-port', 'shm chosen listens'],
    });
  });

  it('also under register', async () => {
    expect(await answer(`${ONE}\nconsole.log(JSON.stringify(await pair()));`)).toMatchObject({ provider: 'shm' });
  });

  it('leave those of the platform alone', async () => {
    const code = `import ours from '${NET}';\n${PAIR}\nconsole.log(JSON.stringify([await pair(), ours.isIP('::1')]));`;
    expect(await answer(code, plain)).toEqual([{ text: 'ping' }, 6]);
  });

  it('are of the platform’s classes and of their own', async () => {
    const told = await answer(
      `import platform from 'node:net'; import net from '${NET}'; import util from 'node:util';
       import { once } from 'node:events';
       class Own extends net.Socket {}
       function Old() { net.Socket.call(this); }
       util.inherits(Old, net.Socket);
       const server = net.createServer().listen(0, '127.0.0.1');
       await new Promise((resolve) => server.once('listening', resolve));
       const client = net.connect(server.address().port, '127.0.0.1');
       const [peer] = await Promise.all([once(server, 'connection').then(([socket]) => socket), once(client, 'connect')]);
       const foreign = new platform.Socket();
       const is = (socket) => [socket instanceof platform.Socket, socket instanceof net.Socket];
       console.log(JSON.stringify({
         client: is(client), peer: is(peer), foreign: is(foreign), own: is(new Own()), old: is(new Old()), bare: is(net.Socket()),
         provider: [client.sanswitch.provider, peer.sanswitch.provider],
         server: [server instanceof platform.Server, server instanceof net.Server, net.Server() instanceof net.Server],
         others: [peer instanceof Own, new platform.Server() instanceof net.Server, null instanceof net.Socket],
         names: [net.Socket.name, net.Server.name, client.constructor === net.Socket],
       }));
       client.destroy(); peer.destroy(); server.close();`,
      plain,
    );
    expect(told).toEqual({
      client: [true, true],
      peer: [true, true],
      foreign: [true, false],
      own: [true, true],
      old: [true, true],
      bare: [true, true],
      provider: ['shm', 'shm'],
      server: [true, true, true],
      others: [false, false, false],
      names: ['Socket', 'Server', true],
    });
  });

  it('take what net.connect and net.Socket take, and throw what they throw', async () => {
    const told = await answer(
      `import platform from 'node:net'; import net from '${NET}'; import diagnostics from 'node:diagnostics_channel';
       const codes = ({ connect, createServer, Socket }) => [
         () => connect(70_000), () => connect({ host: 'localhost' }), () => connect({ port: 1, localAddress: 'x' }),
         () => new Socket({ objectMode: true }), () => createServer('x'), () => createServer().listen(-1),
         () => new Socket({ fd: -1 }), () => connect(),
       ].map((call) => { try { call().on('error', () => {}); return 'none'; } catch ({ code }) { return code; } });
       const told = [];
       diagnostics.subscribe('net.client.socket', ({ socket }) => told.push(socket instanceof net.Socket));
       const socket = net.connect({ port: 9, host: '192.0.2.1', timeout: 5 }).on('error', () => {});
       const { timeout } = socket;
       socket.destroy();
       console.log(JSON.stringify([codes(platform), codes(net), told[0], timeout]));
       process.exit();`,
      plain,
    );
    const [platform, ours, ...rest] = told as [unknown, unknown, boolean, number];
    expect(ours).toEqual(platform);
    expect(rest).toEqual([true, 5]);
  });
});

describe('what it can’t do', () => {
  it('whoever guards an idle connection, as HTTP’s agent of Node.js 24 does, may', async () => {
    const code = `import net from '${NET}';
      const server = net.createServer((peer) => peer.end('pong')).listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1', () => {
          const { onread } = socket._handle;
          socket._handle.onread = function freeSocketDataGuard() {};
          socket._handle.onread = onread;
          socket.on('data', (bytes) => console.log(JSON.stringify([String(bytes), socket.sanswitch.provider])));
          server.close();
        });
      });`;
    expect(await answer(code, plain)).toEqual(['pong', 'shm']);
  });

  it.each([
    ['', '{}'],
    [', kept open', '{ keepOpen: true }'],
  ])('sending a connection over shared memory to another process%s, is refused', async (_, options) => {
    const code = `import net from '${NET}'; import { fork } from 'node:child_process';
      if (process.argv[2] === 'child') process.on('message', () => {});
      else {
        const child = fork(process.argv[1], ['child']);
        const server = net.createServer((peer) => {
          try { child.send('socket', peer, ${options}); } catch ({ code, name }) { console.log(JSON.stringify([code, name])); }
          child.kill();
          process.exit();
        }).listen(0, '127.0.0.1', () => net.connect(server.address().port, '127.0.0.1'));
      }`;
    expect(await answer(code, plain)).toEqual(['ERR_INVALID_HANDLE_TYPE', 'TypeError']);
  });
});

describe('configure', () => {
  it('says who may serve, before the first use', async () => {
    const code = `${ONE}
      import { configure } from '${NET}';
      configure({ providers: ['tcp'] });
      const result = await pair();
      try { configure({}); } catch ({ code, message }) { result.late = [code, message]; }
      console.log(JSON.stringify(result));`;
    expect(await answer(code, { ...plain, environment: { SANSWITCH_PROVIDERS: 'shm' } })).toMatchObject({
      provider: 'tcp',
      late: ['ERR_SANSWITCH_INVALID_OPTION', 'the switch of this thread is in use: configure it before that'],
    });
  });

  it.each([
    ["{ providers: ['rmda'] }", 'ERR_SANSWITCH_UNKNOWN_PROVIDER'],
    ['{ provider: 1 }', 'ERR_SANSWITCH_INVALID_OPTION'],
    ['null', 'ERR_SANSWITCH_INVALID_OPTION'],
  ])('refuses %s', async (options, expected) => {
    const code = `import { configure } from '${NET}';
      try { configure(${options}); } catch ({ code }) { console.log(JSON.stringify(code)); }`;
    expect(await answer(code, plain)).toBe(expected);
  });

  it('a wrong environment is an error of the import', async () => {
    const { code, stderr } = await program(`import '${NET}';`, {
      ...plain,
      environment: { SANSWITCH_PROVIDERS: 'rmda' },
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining('ERR_SANSWITCH_UNKNOWN_PROVIDER')]);
  });
});
