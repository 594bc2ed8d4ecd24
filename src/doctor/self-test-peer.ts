/** A process of a self test: one end of a connection by one provider, which is demanded. Started with an IPC channel. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { StreamSocket } from '../socket/stream-socket.js';
import type { SwitchOptions } from '../switch/config.js';
import { createSwitch, type Switch } from '../switch/switch.js';
import { readConfigFile } from './config-file.js';
import type { SelfTestFigures, SelfTestNews, SelfTestTask } from './self-test-messages.js';

const ROUND_TRIP_BYTES = 64;
const ROUND_TRIPS = 3_000;
/** Not measured: the code is compiled meanwhile. */
const WARM_UPS = 300;
const BULK_BYTES = 16 * 1024 * 1024;
/** Large enough to go by RDMA where there is any. */
const PIECE_BYTES = 1024 * 1024;

function tell(news: SelfTestNews): void {
  process.send?.(news);
}

/** The provider alone, as the configuration has it; where that lets RDMA listen nowhere, on the address of the test. */
function demanding(provider: string, address: string, { providers = [], ...rest }: SwitchOptions): SwitchOptions {
  const nameOf = (entry: (typeof providers)[number]) =>
    typeof entry === 'string' ? entry.replace(/!$/, '') : entry.name;
  const entry = providers.find((one) => nameOf(one) === provider) ?? provider;
  const whole = { ...(typeof entry === 'string' ? { name: provider } : entry), required: true };
  if (provider === 'verbs') whole.options = { listen: [address], ...whole.options };
  return { ...rest, providers: [whole] };
}

/** The end of a connection, as its handlers see it. */
class Connection {
  readonly socket: StreamSocket;
  /** Fulfilled by an end in order. */
  readonly closed: Promise<void>;
  /** Called with what comes. */
  received: (bytes: Uint8Array) => void = () => {};
  private onDrained: () => void = () => {};

  constructor(socket: StreamSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve, reject) => {
      socket.handlers = {
        received: (_, bytes) => this.received(bytes),
        drained: () => this.onDrained(),
        ended: () => socket.end(),
        closed: (_, error) => (error === null ? resolve() : reject(error)),
      };
    });
    // Whoever waits for something else on it hears of it then.
    this.closed.catch(() => {});
  }

  /** Sends, and waits until more may be sent. */
  async send(bytes: Uint8Array): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.onDrained = resolve;
    });
    if (!this.socket.send(bytes)) await Promise.race([drained, this.closed]);
  }

  /** Waits until exactly what was sent has come back. @throws Error: something else has */
  expect(sent: Buffer): Promise<void> {
    let at = 0;
    const whole = new Promise<void>((resolve, reject) => {
      this.received = (bytes) => {
        const wanted = sent.subarray(at, at + bytes.length);
        if (!wanted.equals(bytes)) return reject(new Error(`other bytes than were sent came back, from byte ${at} on`));
        at += bytes.length;
        if (at === sent.length) resolve();
      };
    });
    return Promise.race([whole, this.early('not all bytes had come back')]);
  }

  /** Rejects when the connection ends, in order or not. */
  async early(what: string): Promise<never> {
    await this.closed;
    throw new Error(`the connection ended when ${what}`);
  }
}

/** One message at a time, each another one: the answer must be the same. */
async function roundTrips(connection: Connection): Promise<Pick<SelfTestFigures, 'p50Us' | 'p99Us'>> {
  const { socket } = connection;
  const times = new Float64Array(ROUND_TRIPS);
  const random = randomBytes(ROUND_TRIP_BYTES + WARM_UPS + ROUND_TRIPS);
  const all = new Promise<void>((resolve, reject) => {
    let turn = 0;
    let came = 0;
    let start = process.hrtime();
    // From the handler itself: a promise would be measured too.
    connection.received = (bytes) => {
      const sent = random.subarray(turn, turn + ROUND_TRIP_BYTES);
      if (!sent.subarray(came, came + bytes.length).equals(bytes)) {
        return reject(new Error(`message ${turn} came back as another one`));
      }
      came += bytes.length;
      if (came < ROUND_TRIP_BYTES) return;
      const [seconds, nanoseconds] = process.hrtime(start);
      if (turn >= WARM_UPS) times[turn - WARM_UPS] = seconds * 1e6 + nanoseconds / 1e3;
      turn += 1;
      came = 0;
      if (turn === WARM_UPS + ROUND_TRIPS) return resolve();
      start = process.hrtime();
      socket.send(random.subarray(turn, turn + ROUND_TRIP_BYTES));
    };
    socket.send(random.subarray(0, ROUND_TRIP_BYTES));
  });
  await Promise.race([all, connection.early('not all messages had come back')]);
  times.sort();
  const at = (share: number) => times[Math.floor(share * (times.length - 1))] as number;
  return { p50Us: at(0.5), p99Us: at(0.99) };
}

/** @returns 10^6 bytes a second */
async function bulk(connection: Connection): Promise<number> {
  const bytes = randomBytes(BULK_BYTES);
  const start = performance.now();
  const back = connection.expect(bytes);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) await connection.send(bytes.subarray(at, at + PIECE_BYTES));
  await back;
  return bytes.length / 1e3 / (performance.now() - start);
}

async function connect(sw: Switch, host: string, port: number): Promise<void> {
  const connection = new Connection(await sw.connect({ host, port }));
  const times = await roundTrips(connection);
  // The first time memory is touched that is there from then on.
  await bulk(connection);
  const mbPerS = await bulk(connection);
  connection.socket.end();
  await connection.closed;
  tell({ kind: 'measured', figures: { roundTrips: ROUND_TRIPS, ...times, bytes: BULK_BYTES, mbPerS } });
}

async function serve(sw: Switch, host: string): Promise<void> {
  let accepted: (socket: StreamSocket) => void = () => {};
  const arrival = new Promise<StreamSocket>((resolve) => {
    accepted = resolve;
  });
  const listener = await sw.listen({ host, port: 0 }, (socket) => accepted(socket));
  tell({ kind: 'listening', port: listener.address().port });
  const connection = new Connection(await arrival);
  const { socket } = connection;
  connection.received = (bytes) => {
    // As much as the peer has not read stays with it.
    socket.pause();
    void connection.send(bytes).then(
      () => socket.resume(),
      () => {},
    );
  };
  await connection.closed;
  await listener.close();
}

async function run({ provider, config, address, port }: SelfTestTask): Promise<void> {
  const options = config === null ? {} : await readConfigFile(config);
  const sw = await createSwitch(demanding(provider, address, options));
  try {
    await (port === null ? serve(sw, address) : connect(sw, address, port));
  } finally {
    await sw.close();
  }
}

// Whoever started this process is gone: so is the reason for it.
process.once('disconnect', () => process.exit(1));
const [task] = (await once(process, 'message')) as [SelfTestTask];
try {
  await run(task);
  tell({ kind: 'ended' });
} catch (error) {
  tell({ kind: 'failed', why: (error as Error).message });
}
