/** Several generators as one: what an agent and its coordinator tell each other, and what becomes of one when the other fails. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameChannel } from '#src/load/agents/frames.js';
import { AGENT_PROTOCOL, MessageError, readOrderMessage, readWordMessage } from '#src/load/agents/messages.js';
import { agent, Command, echo, expectConsistent, Load, load, onlyRun, type Served } from './command.js';
import { planOf } from './plans.js';

/** A channel, and what its other side sends, as it comes. */
function channel() {
  const told: unknown[] = [];
  const ends: (Error | null)[] = [];
  const sent: Buffer[] = [];
  const socket = {
    handlers: {} as {
      received(socket: unknown, bytes: Uint8Array): void;
      closed(socket: unknown, error: Error | null): void;
    },
    isAborted: false,
    send: (bytes: Uint8Array) => sent.push(Buffer.from(bytes)),
    close: async () => {},
    abort() {
      socket.isAborted = true;
    },
  };
  const frames = new FrameChannel(socket as never, {
    message: (value) => told.push(value),
    closed: (error) => ends.push(error),
  });
  return { told, ends, sent, socket, frames, push: (bytes: Uint8Array) => socket.handlers.received(socket, bytes) };
}

function frameOf(text: string, length = Buffer.byteLength(text)): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(length);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** The longest message. */
const LONGEST = 64 * 1024 * 1024;

describe('messages on a stream', () => {
  it('come whole, however the bytes are cut', () => {
    const values = fc.array(fc.jsonValue(), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(values, fc.array(fc.nat(), { maxLength: 12 }), (list, where) => {
        const writer = channel();
        for (const value of list) writer.frames.send(value);
        const bytes = Buffer.concat(writer.sent);
        const ends = [...new Set(where.map((at) => at % bytes.length))].sort((a, b) => a - b);
        const reader = channel();
        for (const [i, from] of [0, ...ends].entries()) reader.push(bytes.subarray(from, ends[i] ?? bytes.length));
        expect(reader.told).toEqual(JSON.parse(JSON.stringify(list)));
        const slow = channel();
        for (const byte of bytes) slow.push(Buffer.of(byte));
        expect(slow.told).toEqual(reader.told);
        expect([reader.ends, slow.ends]).toEqual([[], []]);
      }),
    );
  });

  it.each([
    ['too long', frameOf('', LONGEST + 1)],
    ['endless', frameOf('', 0xffff_ffff)],
    ['no JSON', frameOf('{"word":')],
    ['nothing at all', frameOf('')],
  ])('that are %s end it, once', (_, bytes) => {
    const { told, ends, socket, push } = channel();
    push(Buffer.concat([frameOf('1'), bytes, frameOf('2')]));
    push(frameOf('3'));
    expect(told).toEqual([1]);
    expect(ends).toHaveLength(1);
    expect(ends[0]).toMatchObject({ code: 'EPROTO' });
    expect(socket.isAborted).toBe(true);
  });

  it('are as long as they may be, in however many pieces', () => {
    const { told, push } = channel();
    const bytes = frameOf(JSON.stringify('x'.repeat(LONGEST - 2)));
    // To put together all that has come at each of them would be to copy 128 GiB.
    for (let at = 0; at < bytes.length; at += 16_384) push(bytes.subarray(at, at + 16_384));
    expect(told.map((text) => (text as string).length)).toEqual([LONGEST - 2]);
  });
});

describe('what is said', () => {
  const plan = planOf({ requests: 5 });
  const orders = [
    { order: 'hello', protocol: AGENT_PROTOCOL, workers: 2 },
    { order: 'connect', plan },
    { order: 'run' },
    { order: 'stop' },
    { order: 'disconnect' },
  ];
  const counts = { places: [5, 1], min: 5, max: 5 };
  const note = {
    started: 1,
    completed: 1,
    failed: 0,
    neverBegun: 0,
    late: 0,
    errors: { ECLOSED: 1 },
    corrected: counts,
    raw: counts,
    bytesSent: 1,
    bytesReceived: 1,
    reconnects: 0,
    served: [{ provider: 'tcp', why: 'so', connections: 1 }],
    longestStall_ms: 0,
    measured_ms: 1_000,
    lost: null,
  };
  const second = {
    word: 'second',
    worker: 0,
    note: { second: 0, started: 1, completed: 1, failed: 0, latencies: counts },
  };
  const done = { word: 'done', notes: [note], lost: null, cpu_us: 5 };
  const words = [
    { word: 'connected' },
    second,
    done,
    { ...done, notes: [null, note], lost: 'a worker has ended' },
    { word: 'disconnected' },
    { word: 'failed', code: 'ECONNREFUSED', message: 'no' },
  ];

  it('is taken if it can be meant', () => {
    for (const order of orders) expect(readOrderMessage(JSON.parse(JSON.stringify(order)))).toEqual(order);
    for (const word of words) expect(readWordMessage(JSON.parse(JSON.stringify(word)))).toEqual(word);
  });

  it.each<[string, unknown]>([
    ['a plan of nothing', { order: 'connect', plan: {} }],
    ['no plan', { order: 'connect' }],
    ['no size', { order: 'connect', plan: { ...plan, sizes: [] } }],
    [
      'a size that ends before it begins',
      { order: 'connect', plan: { ...plan, sizes: [{ least: 2, most: 1, weight: 1 }] } },
    ],
    ['half a connection', { order: 'connect', plan: { ...plan, connections: 1.5 } }],
    ['half a request in flight', { order: 'connect', plan: { ...plan, inFlight: 1.5 } }],
    ['fewer requests than connections', { order: 'connect', plan: { ...plan, connections: 9 } }],
    ['a rate below 0', { order: 'connect', plan: { ...plan, rate_per_s: -1 } }],
    ['port 0', { order: 'connect', plan: { ...plan, target: { ...plan.target, port: 0 } } }],
    [
      'a path with a line of its own',
      { order: 'connect', plan: { ...plan, target: { ...plan.target, path: '/ HTTP/1.1\r\nX: y' } } },
    ],
    ['half a worker', { order: 'hello', protocol: 1, workers: 1.5 }],
    ['a word', { order: 'connected' }],
    ['a name of all objects', { order: 'constructor' }],
    ['nothing', null],
    ['a list', [{ order: 'run' }]],
  ])('%s is no order', (_, value) => {
    expect(() => readOrderMessage(JSON.parse(JSON.stringify(value)))).toThrow(MessageError);
  });

  it.each<[string, unknown]>([
    ['no host', { word: 'hello', host: {} }],
    ['notes of nobody', { ...done, notes: [] }],
    ['notes of nobody that is left', { ...done, notes: [null], lost: 'all have ended' }],
    ['a missing note without a reason', { ...done, notes: [null, note] }],
    ['a reason without a missing note', { ...done, lost: 'a worker has ended' }],
    ['a note without latencies', { ...done, notes: [{ ...note, raw: undefined }] }],
    ['a list of errors', { ...done, notes: [{ ...note, errors: [1] }] }],
    ['text for a number', { ...done, notes: [{ ...note, started: '1' }] }],
    ['half a second', { ...second, note: { ...second.note, second: 0.5 } }],
    ['a second of nobody', { ...second, worker: undefined }],
    ['a text that is too long', { word: 'failed', code: 'E', message: 'x'.repeat(5_000) }],
    ['an order', { word: 'run' }],
  ])('%s is no word', (_, value) => {
    expect(() => readWordMessage(JSON.parse(JSON.stringify(value)))).toThrow(MessageError);
  });

  it('is never the cause of another error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...orders, ...words), fc.string(), (any, some, field) => {
        for (const value of [any, { ...some, plan: any, note: any, [field]: any }]) {
          for (const read of [readOrderMessage, readWordMessage]) {
            try {
              read(value);
            } catch (error) {
              expect(error).toBeInstanceOf(MessageError);
              expect((error as Error).message.length).toBeLessThan(200);
            }
          }
        }
      }),
    );
  });
});

const SHORT = ['--warmup', '0.2', '--duration', '1', '--tolerance', '1000'];

async function withAgents(
  count: number,
  work: (agents: readonly Served[], server: Served) => Promise<void>,
): Promise<void> {
  const server = await echo();
  const agents = await Promise.all(Array.from({ length: count }, () => agent()));
  try {
    await work(agents, server);
  } finally {
    await Promise.all([server, ...agents].map((one) => one.stop()));
  }
}

const listOf = (agents: readonly Served[]) => agents.map(({ port }) => `127.0.0.1:${port}`).join();

/** Speaks to an agent as a coordinator does. */
async function speakTo({ port }: Served, ...values: unknown[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  for (const value of values) socket.write(frameOf(JSON.stringify(value)));
  return socket;
}

describe('agents', () => {
  it('make one load, and one report of it', async () => {
    await withAgents(2, async (agents, server) => {
      const args = ['--agents', listOf(agents), '--rate', '1000', '-c', '4', '-w', '2', ...SHORT];
      const { report, stdout } = await load([`shm://127.0.0.1:${server.port}`, '--strict', ...args]);
      const run = onlyRun(report);
      expectConsistent(run);
      expect(run).toMatchObject({ failed: 0, rate_per_s: 1_000 });
      expect(run.started).toBeGreaterThanOrEqual(996);
      expect(run.started).toBeLessThanOrEqual(1_004);
      expect(run.served).toMatchObject([{ provider: 'shm', connections: 4 }]);
      expect(run.client.percent).toBeGreaterThan(0);
      expect(report.hosts).toHaveLength(2);
      expect(stdout).not.toBe('');
      for (const { command } of agents) await command.says(/has come by [\s\S]*2 connections to shm:[\s\S]*has gone/);
      // And the next one, with requests that are counted, and fewer connections than generators.
      const counted = ['--agents', listOf(agents), '--in-flight', '2', '--requests', '77', '--warmup', '0'];
      const second = onlyRun((await load([`tcp://127.0.0.1:${server.port}`, ...counted])).report);
      expect(second).toMatchObject({ started: 77, completed: 77 });
    });
  });

  it('one of which dies mid-run: it is named, what the other did is told, and that one is free again', async () => {
    await withAgents(2, async (agents, server) => {
      const [first, second] = agents as [Served, Served];
      const args = ['--agents', listOf(agents), '--rate', '500', '-c', '2', '--warmup', '0', '--duration', '30'];
      const under = new Load([`tcp://127.0.0.1:${server.port}`, ...args]);
      await under.says(/1 s +\d+\/s/);
      second.command.kill('SIGKILL');
      const { code, stderr, report } = await under.report();
      expect(code).toBe(1);
      const named = `agent 127\\.0\\.0\\.1:${second.port}: [^\\n]+`;
      expect(stderr).toMatch(new RegExp(`\\nsanswitch: load: ${named}\\n$`));
      const run = onlyRun(report);
      expectConsistent(run);
      expect([report.is_partial, run.is_valid, run.served[0]?.connections]).toEqual([true, false, 1]);
      expect(run.complaints[0]).toMatch(new RegExp(`^${named}; the figures are of the others, until then$`));
      expect(run.completed).toBeGreaterThan(200);
      await first.command.says(/has gone/);
      const again = await load([
        `tcp://127.0.0.1:${server.port}`,
        '--agents',
        listOf([first]),
        '--in-flight',
        '1',
        ...SHORT,
      ]);
      expect(onlyRun(again.report).completed).toBeGreaterThan(0);
    });
  });

  it('whose coordinator dies, whatever it was at, are free again', async () => {
    await withAgents(1, async (agents, server) => {
      const [only] = agents as [Served];
      const args = ['--agents', listOf(agents), '--rate', '500', '--warmup', '0', '--duration', '600'];
      const under = new Load([`tcp://127.0.0.1:${server.port}`, ...args]);
      await under.says(/1 s +\d+\/s/);
      under.kill('SIGKILL');
      await only.command.says(/has gone/);
      let gone = 1;
      const hello = { order: 'hello', protocol: AGENT_PROTOCOL, workers: 1 };
      const plan = planOf({
        target: { ...planOf({}).target, port: server.port },
        duration_ms: 600_000,
        patience_ms: 600_000,
      });
      for (const orders of [
        [],
        [hello],
        [hello, { order: 'run' }],
        [hello, { order: 'disconnect' }, { order: 'disconnect' }],
        [hello, { order: 'connect', plan }, { order: 'run' }],
      ]) {
        const socket = await speakTo(only, ...orders);
        await new Promise((resolve) => setTimeout(resolve, 500));
        socket.resetAndDestroy();
        await only.command.says(new RegExp(`(has gone[\\s\\S]*){${++gone}}`));
      }
      const again = await load([
        `tcp://127.0.0.1:${server.port}`,
        '--agents',
        listOf(agents),
        '--in-flight',
        '1',
        ...SHORT,
      ]);
      expect(onlyRun(again.report).completed).toBeGreaterThan(0);
    });
  });

  it('serve one coordinator at a time, and tell others so', async () => {
    await withAgents(1, async (agents, server) => {
      const target = `tcp://127.0.0.1:${server.port}`;
      const first = new Load([
        target,
        '--agents',
        listOf(agents),
        '--rate',
        '100',
        '--warmup',
        '0',
        '--duration',
        '60',
      ]);
      await first.says(/1 s +\d+\/s/);
      const second = await new Command(['load', target, '--agents', listOf(agents), '--rate', '1', '--quiet']).outcome;
      expect(second.code).toBe(1);
      expect(second.stderr).toMatch(/^sanswitch: load: agent 127\.0\.0\.1:\d+: it serves another coordinator\n$/);
      first.kill('SIGINT');
      const { code, report } = await first.report();
      expect([code, report.is_partial]).toEqual([130, true]);
      expectConsistent(onlyRun(report));
    });
  });

  it('to whom garbage is said end that connection, though it stays open, and go on', async () => {
    await withAgents(1, async (agents, server) => {
      const [only] = agents as [Served];
      for (const bytes of [
        Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
        frameOf('no JSON'),
        frameOf('{"order":"dance"}'),
      ]) {
        const socket = connect({ port: only.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
        socket.write(bytes);
        socket.resume();
        await new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
        const again = await load([
          `tcp://127.0.0.1:${server.port}`,
          '--agents',
          listOf(agents),
          '--in-flight',
          '1',
          ...SHORT,
        ]);
        expect(onlyRun(again.report).completed).toBeGreaterThan(0);
        socket.destroy();
      }
    });
  });

  it('that are none are named', async () => {
    const sockets = new Set<Socket>();
    const answers: ((socket: Socket) => void)[] = [
      (socket) => void socket.resume(),
      (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      (socket) => void socket.write(frameOf('{"word":"hello","host":{}}')),
      (socket) => void socket.write(frameOf('{"word":"connected"}')),
      (socket) => void socket.destroy(),
    ];
    let answer = answers[0] as (socket: Socket) => void;
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      answer(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const args = [
      'load',
      'tcp://127.0.0.1:9',
      '--agents',
      `127.0.0.1:${port}`,
      '--rate',
      '1',
      '--timeout',
      '0.5',
      '--quiet',
    ];
    const named = new RegExp(`^sanswitch: load: agent 127\\.0\\.0\\.1:${port}: [^\\n]+\\n$`);
    for (answer of answers) {
      const { code, stderr } = await new Command(args).outcome;
      expect(code).toBe(1);
      expect(stderr).toMatch(named);
    }
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
    expect((await new Command(args).outcome).stderr).toMatch(named);
  });
});
