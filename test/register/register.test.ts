/** `sanswitch/register`: threads, modules and neighbours; what stays on TCP/IP; and what it says when nothing else can be had. */
import { describe, expect, it } from 'vitest';
import { answer, file, PAIR, program, REGISTER } from './program.js';

const ONE = `${PAIR}\nconsole.log(JSON.stringify(await pair()));`;
const SHM = { text: 'ping', provider: 'shm', why: ['shm chosen served'] };
const imports = (...modules: readonly string[]) => ({ nodeArgs: modules.flatMap((name) => ['--import', name]) });

describe('the program', () => {
  it('may be CommonJS', async () => {
    const code = `const net = require('node:net'); const { createServer } = require('net');
      const server = createServer((peer) => peer.end('pong')).listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1').on('data', (bytes) => {
          console.log(JSON.stringify([String(bytes), socket.sanswitch.provider]));
          server.close();
        });
      });`;
    expect(await answer(code, { name: 'program.cjs' })).toEqual(['pong', 'shm']);
  });

  it('may use worker threads, which inherit it', async () => {
    const code = `import { isMainThread, parentPort, Worker } from 'node:worker_threads';\n${PAIR}
      if (isMainThread) {
        const ask = (options) => new Promise((resolve, reject) =>
          new Worker(new URL(import.meta.url), options).on('message', resolve).on('error', reject));
        console.log(JSON.stringify([await ask(), await ask({ execArgv: [] }), await pair()]));
      } else parentPort.postMessage(await pair());`;
    const [own, bare, main] = (await answer(code)) as unknown[];
    expect([own, main]).toMatchObject([SHM, SHM]);
    expect(bare).toEqual({ text: 'ping' });
    const environment = { NODE_OPTIONS: `--import=${REGISTER}` };
    expect(await answer(code, { nodeArgs: [], environment })).toMatchObject([SHM, SHM, SHM]);
  });

  it('may lose a worker thread: its connections end as they do by TCP/IP', async () => {
    const code = `import { isMainThread, parentPort, Worker } from 'node:worker_threads'; import net from 'node:net';
      import { once } from 'node:events';
      if (isMainThread) {
        const worker = new Worker(new URL(import.meta.url));
        const [port] = await once(worker, 'message');
        const seen = [];
        const socket = net.connect(port, '127.0.0.1');
        for (const event of ['end', 'error', 'close']) socket.on(event, (what) => seen.push([event, what?.code ?? what]));
        socket.once('data', () => setTimeout(() => worker.terminate(), 50));
        socket.write('ping');
        await new Promise((resolve) => socket.on('close', resolve));
        console.log(JSON.stringify([seen, socket.sanswitch?.provider]));
      } else {
        const server = net.createServer((peer) => peer.pipe(peer));
        server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
      }`;
    const [[plain], [ours, provider]] = (await Promise.all([answer(code, { nodeArgs: [] }), answer(code)])) as [
      unknown[],
      unknown[],
    ];
    expect(ours).toEqual(plain);
    expect(provider).toBe('shm');
  });

  it('may end while a server that is unref’d listens and has a connection', async () => {
    const code = `import net from 'node:net';
      const server = net.createServer((peer) => peer.unref());
      server.listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1', () => {
          socket.unref();
          console.log(JSON.stringify([server.unref() === server, socket.sanswitch.provider]));
        });
      });`;
    expect(await answer(code)).toEqual([true, 'shm']);
  });

  it.each(['tcp', 'shm'])(
    'has sockets and handles that are as quick to look into as the platform’s, over %s',
    async (provider) => {
      const code = `import net from 'node:net'; import { once } from 'node:events';
      const peers = [];
      const server = net.createServer((peer) => peers.push(peer)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const sockets = [];
      for (let i = 0; i < 3; i++) {
        const socket = net.connect(server.address().port, '127.0.0.1');
        await once(socket, 'ready');
        sockets.push(socket);
      }
      while (peers.length < 3) await new Promise(setImmediate);
      const objects = [...sockets, ...peers].flatMap((socket) => [socket, socket._handle]);
      console.log(JSON.stringify([
        sockets[0].sanswitch.provider,
        objects.map((object) => %HasFastProperties(object)),
        [1, 2].map((i) => %HaveSameMap(sockets[0], sockets[i]) && %HaveSameMap(sockets[0]._handle, sockets[i]._handle)),
      ]));
      process.exit();`;
      const nodeArgs = ['--allow-natives-syntax', '--import', REGISTER];
      const environment = { SANSWITCH_PROVIDERS: provider };
      expect(await answer(code, { nodeArgs, environment })).toEqual([provider, Array(12).fill(true), [true, true]]);
    },
  );

  it('may be told twice, in whichever way', async () => {
    expect(await answer(ONE, imports(REGISTER, `${REGISTER}?again`))).toMatchObject(SHM);
    const environment = { NODE_OPTIONS: `--import=${REGISTER}` };
    expect(await answer(ONE, { environment })).toMatchObject(SHM);
    expect(await answer(`await import('${REGISTER}?late');\n${ONE}`)).toMatchObject(SHM);
  });

  it('may have an agent that wraps the same functions, before or after', async () => {
    const agent = file(
      'agent.mjs',
      `import net from 'node:net'; import { syncBuiltinESMExports } from 'node:module';
       globalThis.seen = [];
       const wrap = (object, name) => {
         const original = object[name];
         object[name] = function (...args) { seen.push(name); return original.apply(this, args); };
       };
       wrap(net.Socket.prototype, 'connect'); wrap(net.Server.prototype, 'listen');
       wrap(net, 'connect'); wrap(net, 'createServer'); syncBuiltinESMExports();`,
    );
    const code = `${PAIR}\nconst result = await pair(); console.log(JSON.stringify({ ...result, seen }));`;
    const expected = { ...SHM, seen: ['createServer', 'listen', 'connect', 'connect'] };
    expect(await answer(code, imports(agent, REGISTER))).toMatchObject(expected);
    expect(await answer(code, imports(REGISTER, agent))).toMatchObject(expected);
  });

  it('may freeze the intrinsics', async () => {
    const nodeArgs = ['--frozen-intrinsics', '--import', REGISTER];
    expect(await answer(ONE, { nodeArgs })).toMatchObject(SHM);
  });
});

describe('what is no TCP/IP', () => {
  it('Unix sockets, datagrams and the standard streams of children are left alone', async () => {
    const code = `import net from 'node:net'; import dgram from 'node:dgram'; import { spawn } from 'node:child_process';
      import { once } from 'node:events';
      const server = net.createServer((peer) => peer.end('pong')).listen(process.argv[1] + '.sock');
      await once(server, 'listening');
      const unix = net.connect(process.argv[1] + '.sock');
      const [bytes] = await once(unix, 'data');
      server.close();
      const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await once(udp, 'listening');
      udp.send('pong', udp.address().port, '127.0.0.1');
      const [datagram] = await once(udp, 'message');
      udp.close();
      const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
      child.stdin.end('pong');
      const [output] = await once(child.stdout, 'data');
      const told = [unix, server, udp, child.stdin, child.stdout].map(({ sanswitch }) => sanswitch ?? null);
      console.log(JSON.stringify([[bytes, datagram, output].map(String), told]));`;
    expect(await answer(code)).toEqual([
      ['pong', 'pong', 'pong'],
      [null, null, null, null, null],
    ]);
  });
});

describe('stays on TCP/IP, and says why', () => {
  it('a server on a descriptor, or on a handle that it was given', async () => {
    const code = `import { spawn } from 'node:child_process';\n${PAIR}
      if (process.argv[2] === 'child') {
        const byDescriptor = await pair({ listen: { fd: 3 } });
        const byHandle = await pair({ listen: net._createServerHandle('127.0.0.1', 0, 4) });
        console.log(JSON.stringify([byDescriptor, byHandle]));
      } else {
        const { fd } = net._createServerHandle('127.0.0.1', 0, 4);
        const args = [...process.execArgv, process.argv[1], 'child'];
        spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', fd] });
      }`;
    const stays = (reason: string) => ({
      text: 'ping',
      provider: 'tcp',
      listened: ['tcp chosen owns-the-port', `shm not-serving ${reason}`],
    });
    expect(await answer(code)).toMatchObject([stays('file-descriptor'), stays('foreign-handle')]);
  });

  it.each(['rr', 'none'])('a server of a cluster worker, schedule %s', async (NODE_CLUSTER_SCHED_POLICY) => {
    const code = `import cluster from 'node:cluster'; import { once } from 'node:events';\n${PAIR}
      if (cluster.isPrimary) {
        const worker = cluster.fork();
        const [{ port, listened }] = await once(worker, 'message');
        const texts = [];
        for (let i = 0; i < 20; i++) {
          const socket = net.connect(port, '127.0.0.1');
          const [text] = await Promise.race([once(socket, 'data'), once(socket, 'close')]);
          texts.push(String(text));
          socket.destroy();
        }
        console.log(JSON.stringify([listened, [...new Set(texts)]]));
        process.exit();
      } else {
        const server = net.createServer((peer) => peer.on('error', () => {}).end('pong'));
        server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, listened: told(server).why }));
      }`;
    const told = await answer(code, { environment: { NODE_CLUSTER_SCHED_POLICY } });
    expect(told).toEqual([['tcp chosen owns-the-port', 'shm not-serving cluster-worker'], ['pong']]);
  });

  it('a server that is handed to a child', async () => {
    const code = `import { fork } from 'node:child_process'; import { once } from 'node:events';\n${PAIR}
      if (process.argv[2] === 'child') {
        process.once('message', (_, server) => {
          server.on('connection', (peer) => peer.end('child'));
          process.send('ready');
        });
      } else {
        const server = net.createServer((peer) => peer.end('parent')).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const before = told(server).why;
        const child = fork(process.argv[1], ['child']);
        child.send('server', server);
        await once(child, 'message');
        const after = told(server).why;
        const socket = net.connect(server.address().port, '127.0.0.1');
        const [text] = await once(socket, 'data');
        console.log(JSON.stringify([before, after, socket.sanswitch.provider, ['child', 'parent'].includes(String(text))]));
        child.kill();
        process.exit();
      }`;
    expect(await answer(code)).toEqual([
      ['tcp chosen owns-the-port', 'shm chosen listens'],
      ['tcp chosen owns-the-port', 'shm not-serving handle-handed-over'],
      'tcp',
      true,
    ]);
  });

  it('a server whose connection was to be handed to a child: that one can’t be, and the next ones can', async () => {
    const code = `import { fork } from 'node:child_process'; import { once } from 'node:events';\n${PAIR}
      if (process.argv[2] === 'child') process.on('message', (_, socket) => socket?.end('child'));
      else {
        const child = fork(process.argv[1], ['child']);
        const errors = [];
        const server = net.createServer({ pauseOnConnect: true }, (peer) => {
          try { child.send('socket', peer); } catch ({ code, name }) { errors.push([code, name]); peer.destroy(); }
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const ask = async () => {
          const socket = net.connect(server.address().port, '127.0.0.1').on('error', () => {});
          const [text] = await Promise.race([once(socket, 'data'), once(socket, 'close')]);
          return [socket.sanswitch.provider, String(text)];
        };
        const [first, second] = [await ask(), await ask()];
        console.log(JSON.stringify([first[0], errors, second, told(server).why[1]]));
        child.kill();
        process.exit();
      }`;
    expect(await answer(code)).toEqual([
      'shm',
      [['ERR_INVALID_HANDLE_TYPE', 'TypeError']],
      ['tcp', 'child'],
      'shm not-serving handle-handed-over',
    ]);
  });
});

describe('where only TCP/IP can be had', () => {
  const tcp = (why: string) => ({
    text: 'ping',
    provider: 'tcp',
    why: [expect.stringMatching(why), 'tcp chosen no-san-provider'],
  });
  const warning = /^\(node:\d+\) \[SANSWITCH_TCP_ONLY\] SanswitchWarning: all connections go by TCP\/IP: .*\n/gm;
  const count = (stderr: string) => stderr.match(warning)?.length ?? 0;
  const hide = file(
    'hide.mjs',
    `import net from 'node:net';
     const inner = Object.getOwnPropertySymbols(net.Socket.prototype).find(({ description }) => description === 'kReinitializeHandle');
     delete net.Socket.prototype[inner];`,
  );

  it.each([
    [
      'without the addon',
      { environment: { SANSWITCH_NO_NATIVE: '1' } },
      '^shm left-out native-unavailable .*SANSWITCH_NO_NATIVE',
    ],
    [
      'on another operating system',
      imports(file('elsewhere.mjs', `Object.defineProperty(process, 'platform', { value: 'freebsd' });`), REGISTER),
      '^shm left-out native-unavailable .* it needs Linux, and this is freebsd',
    ],
    ['in an unknown Node.js', imports(hide, REGISTER), '^shm not-serving unknown-platform .*reinitialize'],
    [
      'under the permission model',
      { nodeArgs: ['--experimental-permission', '--allow-fs-read=*', '--import', REGISTER] },
      '^shm left-out native-unavailable',
    ],
    [
      'under the permission model, with addons',
      { nodeArgs: ['--experimental-permission', '--allow-fs-read=*', '--allow-addons', '--import', REGISTER] },
      '^shm not-serving permission-model',
    ],
  ])('%s the program runs, with one warning', async (_, run, why) => {
    const { code, stdout, stderr } = await program(ONE, run);
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining(tcp(why))]);
    expect(count(stderr)).toBe(1);
    const silent = {
      ...run,
      environment: { ...('environment' in run ? run.environment : {}), SANSWITCH_NO_WARNING: '1' },
    };
    expect((await program(ONE, silent)).stderr).not.toContain('SANSWITCH');
  });

  it('workers do not repeat it, and Node.js’s own switch turns it off', async () => {
    const code = `import { Worker, isMainThread } from 'node:worker_threads';
      if (isMainThread) for (let i = 0; i < 3; i++) new Worker(new URL(import.meta.url));`;
    const environment = { SANSWITCH_NO_NATIVE: '1' };
    expect(count((await program(code, { environment })).stderr)).toBe(1);
    const nodeArgs = ['--disable-warning=SANSWITCH_TCP_ONLY', '--import', REGISTER];
    expect((await program(code, { environment, nodeArgs })).stderr).toBe('');
  });

  it('a demand is an error all the same', async () => {
    const environment = { SANSWITCH_NO_NATIVE: '1', SANSWITCH_PROVIDERS: 'shm!', SANSWITCH_NO_WARNING: '1' };
    expect(await answer(ONE, { environment })).toEqual({ error: 'ERR_SANSWITCH_PROVIDER_REQUIRED', syscall: 'listen' });
    const unknown = { ...imports(hide, REGISTER), environment: { SANSWITCH_PROVIDERS: 'shm!' } };
    expect(await answer(ONE, unknown)).toEqual({ error: 'ERR_SANSWITCH_PROVIDER_REQUIRED', syscall: 'listen' });
  });
});
