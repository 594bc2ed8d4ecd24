/** The chat server of examples/: guests on different workers meet in rooms. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createSwitch } from 'sanswitch';
import { afterEach, expect, it } from 'vitest';
import { until } from '../actor/runtimes.js';

const FILE = fileURLToPath(new URL('../../examples/chat-server.mjs', import.meta.url));
const NO_ROOM = 'cellar';
const running = new Set<ChildProcess>();
const guests = new Set<Guest>();

afterEach(() => {
  for (const guest of guests) guest.leave();
  guests.clear();
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

async function startServer() {
  const child = spawn(process.execPath, [FILE], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const [text] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return { child, port: Number(/^listening on port (\d+)\n$/.exec(text)?.[1]), complaints: () => complaints };
}

/** A guest by TCP/IP: what it was told, line by line. */
class Guest {
  readonly name: string;
  private readonly socket: Socket;
  private text = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    this.name = String(socket.localPort);
    socket.setEncoding('utf8').on('data', (text) => {
      this.text += text;
    });
  }

  static async come(port: number, room: string): Promise<Guest> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    const guest = new Guest(socket);
    guests.add(guest);
    guest.say(room);
    await guest.hears(room === NO_ROOM ? `there is no ${room}` : `${guest.name} has come in`);
    return guest;
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  async hears(line: string): Promise<void> {
    await until(`'${line}' is heard, not only '${this.text}'`, () => this.text.includes(`${line}\n`));
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  leave(): void {
    this.socket.destroy();
  }
}

it('guests hear what is said in their room, and nothing else', { timeout: 20_000 }, async () => {
  const { child, port, complaints } = await startServer();
  const [one, two] = [await Guest.come(port, 'garden'), await Guest.come(port, 'garden')];
  const apart = await Guest.come(port, NO_ROOM);
  apart.say('kitchen');
  await apart.hears(`${apart.name} has come in`);
  await one.hears(`${two.name} has come in`);
  one.say('grüße');
  await Promise.all([one, two].map((guest) => guest.hears(`${one.name}: grüße`)));
  apart.say('is nobody here?');
  await apart.hears(`${apart.name}: is nobody here?`);
  two.leave();
  one.say('gone?');
  await one.hears(`${one.name}: gone?`);
  expect(apart.lines).toEqual(['there is no cellar', `${apart.name} has come in`, `${apart.name}: is nobody here?`]);
  child.kill('SIGINT');
  expect((await once(child, 'close'))[0]).toBe(0);
  expect(complaints()).toBe('');
});

it('a guest that comes by the switch meets one that comes by TCP/IP', { timeout: 20_000 }, async () => {
  const { port } = await startServer();
  const plain = await Guest.come(port, 'kitchen');
  const sw = await createSwitch({ providers: ['shm!'] });
  const socket = await sw.connect({ port, host: '127.0.0.1' });
  socket.send(Buffer.from('kitchen\nhello\n'));
  await plain.hears(`${socket.localPort}: hello`);
  await sw.close();
});
