import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requireNative } from '#src/native/load.js';
import {
  closeDescriptor,
  duplicateDescriptor,
  openPidfd,
  peerCredentials,
  peerPidfd,
  pidfdAlive,
  receiveMessage,
  releaseDescriptor,
  sendMessage,
  setThreadName,
  unixAccept,
  unixConnect,
  unixListen,
  unixPair,
} from '#src/native/os.js';
import { Poll } from '#src/reactor/poll.js';
import { descriptorCount, hostileReason, startHostile } from './native-hostile.js';

const coded = (code: string) => expect.objectContaining({ code, errno: expect.any(Number) });
const link = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`);

let serial = 0;
const freshName = (): string => `sanswitch-test-unix-${process.pid}-${serial++}`;

let before: number;
let listener: number;
let near: number;
let far: number;

beforeEach(() => {
  before = descriptorCount();
  const name = freshName();
  listener = unixListen(name, 4);
  near = unixConnect(name);
  far = unixAccept(listener) as number;
});

afterEach(() => {
  for (const fd of [listener, near, far]) if (fd >= 0) closeDescriptor(fd);
  expect(descriptorCount()).toBe(before);
});

describe('messages', () => {
  it('keep their boundaries and their order', () => {
    for (let i = 0; i < 10; i++) sendMessage(near, new Uint8Array(i + 1).fill(i));
    const bytes = new Uint8Array(64);
    for (let i = 0; i < 10; i++) {
      expect(receiveMessage(far, bytes)).toEqual({ length: i + 1, descriptor: -1 });
      expect(bytes[i]).toBe(i);
    }
    expect(receiveMessage(far, bytes)).toBeNull();
  });

  it('carry one descriptor', () => {
    const fd = openSync('/dev/null', 'r');
    sendMessage(near, Uint8Array.of(1, 2), fd);
    closeSync(fd);
    const { length, descriptor } = receiveMessage(far, new Uint8Array(64)) as { length: number; descriptor: number };
    expect(length).toBe(2);
    expect(link(descriptor)).toBe('/dev/null');
    closeDescriptor(descriptor);
  });

  it('that are longer than the room for them break the protocol', () => {
    sendMessage(near, new Uint8Array(100), listener);
    expect(() => receiveMessage(far, new Uint8Array(99))).toThrow(coded('EPROTO'));
    // The descriptor that came with it is closed, and the next message is whole.
    sendMessage(near, Uint8Array.of(5));
    expect(receiveMessage(far, new Uint8Array(99))).toEqual({ length: 1, descriptor: -1 });
  });

  it('that find no room say EAGAIN, those of absurd size EMSGSIZE', () => {
    expect(() => {
      for (let i = 0; i < 100_000; i++) sendMessage(near, new Uint8Array(64));
    }).toThrow(coded('EAGAIN'));
    expect(() => sendMessage(near, new Uint8Array(65_537))).toThrow(coded('EMSGSIZE'));
  });

  it('end when the peer is gone', () => {
    closeDescriptor(far);
    far = -1;
    expect(receiveMessage(near, new Uint8Array(8))).toEqual({ length: 0, descriptor: -1 });
    expect(() => sendMessage(near, Uint8Array.of(1))).toThrow(coded('EPIPE'));
  });
});

describe('names', () => {
  it('are taken once, and free again when the listener is closed', () => {
    const name = freshName();
    const first = unixListen(name, 1);
    expect(() => unixListen(name, 1)).toThrow(coded('EADDRINUSE'));
    closeDescriptor(first);
    closeDescriptor(unixListen(name, 1));
    expect(() => unixConnect(name)).toThrow(coded('ECONNREFUSED'));
  });

  it('have at most 107 bytes, and at least one', () => {
    closeDescriptor(unixListen('n'.repeat(107), 1));
    expect(() => unixListen('n'.repeat(108), 1)).toThrow(TypeError);
    expect(() => unixListen('ü'.repeat(54), 1)).toThrow(TypeError);
    expect(() => unixListen('a\0b', 1)).toThrow(TypeError);
    expect(() => unixListen('', 1)).toThrow(coded('EINVAL'));
  });

  it('with a full backlog refuse at once', () => {
    const name = freshName();
    const full = unixListen(name, 1);
    const waiting: number[] = [];
    expect(() => {
      for (let i = 0; i < 10; i++) waiting.push(unixConnect(name));
    }).toThrow(coded('EAGAIN'));
    expect(waiting.length).toBeGreaterThan(0);
    for (const fd of [full, ...waiting]) closeDescriptor(fd);
  });
});

describe('the peer', () => {
  it('is named by the kernel', () => {
    const { pid, uid, gid } = peerCredentials(near);
    expect({ pid, uid, gid }).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  });

  it('is seen to live and to die through its pidfd', async () => {
    const name = freshName();
    const child = fork(join(process.cwd(), 'build', 'test', 'fixtures', 'word-peer.js'), [name]);
    await once(child, 'message');
    const fd = unixConnect(name);
    expect(peerCredentials(fd).pid).toBe(child.pid);
    const pidfds = [openPidfd(child.pid as number)];
    const peer = peerPidfd(fd);
    if (peer === null) console.log('this kernel has no SO_PEERPIDFD');
    else pidfds.push(peer);
    expect(pidfds.map(pidfdAlive)).toEqual(pidfds.map(() => true));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(pidfds.map(pidfdAlive)).toEqual(pidfds.map(() => false));
    for (const each of [fd, ...pidfds]) closeDescriptor(each);
    await delay(5);
  });

  it('that does not exist is no error but ESRCH', () => {
    expect(() => openPidfd(2 ** 22 + 1)).toThrow(coded('ESRCH'));
  });
});

describe('descriptors', () => {
  it('are closed only by who opened them', () => {
    for (const foreign of [0, 1, 2, 99_999]) expect(() => closeDescriptor(foreign)).toThrow(coded('EBADF'));
    const fd = unixListen(freshName(), 1);
    releaseDescriptor(fd);
    expect(() => closeDescriptor(fd)).toThrow(coded('EBADF'));
    expect(() => releaseDescriptor(fd)).toThrow(coded('EBADF'));
    closeSync(fd);
  });

  it('that are nonsense are refused before the kernel sees them', () => {
    const unsafe = requireNative() as unknown as Record<string, (...args: unknown[]) => unknown>;
    const bytes = new Uint8Array(8);
    for (const fd of [-1, 1.5, Number.NaN, '3', null, 2 ** 31]) {
      expect(() => unsafe.unixAccept(fd)).toThrow(TypeError);
      expect(() => unsafe.sendMessage(fd, bytes)).toThrow(TypeError);
      expect(() => unsafe.receiveMessage(fd, bytes, new Int32Array(1))).toThrow(TypeError);
    }
    expect(() => unsafe.receiveMessage(near, bytes, new Uint8Array(4))).toThrow(TypeError);
    expect(() => unsafe.receiveMessage(near, bytes, new Int32Array(0))).toThrow(TypeError);
    expect(() => unsafe.peerCredentials(near, new Int32Array(2))).toThrow(TypeError);
    expect(() => unsafe.sendMessage(near, {})).toThrow(TypeError);
  });
});

describe('Poll', () => {
  it('calls back while there is something to read, not when stopped or closed', async () => {
    let calls = 0;
    const poll = new Poll(far, (status) => {
      expect(status).toBe(0);
      calls++;
      receiveMessage(far, new Uint8Array(8));
    }).start();
    sendMessage(near, Uint8Array.of(1));
    sendMessage(near, Uint8Array.of(2));
    while (calls < 2) await delay(1);
    await delay(5);
    expect(calls).toBe(2);
    poll.stop();
    sendMessage(near, Uint8Array.of(3));
    await delay(10);
    expect(calls).toBe(2);
    poll.start();
    while (calls < 3) await delay(1);
    poll.close();
    poll.close();
    poll.stop();
    expect(() => poll.start()).toThrow(coded('ECANCELED'));
  });

  it('may be closed inside its callback, its descriptor right behind it', async () => {
    const poll = new Poll(far, () => {
      poll.close();
      closeDescriptor(far);
      far = -1;
    }).start();
    sendMessage(near, Uint8Array.of(1));
    while (far >= 0) await delay(1);
    await delay(5);
  });

  it('refuses what can not be polled', () => {
    expect(() => new Poll(99_999, () => {})).toThrow(coded('EBADF'));
    const file = openSync('/proc/self/exe', 'r');
    expect(() => new Poll(file, () => {}).start()).toThrow(coded('EPERM'));
    closeSync(file);
  });
});

describe.skipIf(hostileReason !== null)(`a peer by no rules ${hostileReason ?? ''}`, () => {
  it.each([
    [0, { length: 3, descriptor: -1 }],
    [1, { length: 3, descriptor: expect.any(Number) }],
  ])('with %i descriptors is within them', async (count, expected) => {
    const peer = await startHostile(`descriptors:${count}`);
    const message = peer.receive();
    expect(message).toEqual(expected);
    if (message.descriptor >= 0) closeDescriptor(message.descriptor);
    await peer.end();
  });

  it.each([2, 3, 4, 5, 10, 253])('with %i descriptors is refused, and none of them stays open', async (count) => {
    const peer = await startHostile(`descriptors:${count}`);
    const open = descriptorCount();
    expect(() => peer.receive()).toThrow(coded('EPROTO'));
    expect(descriptorCount()).toBe(open);
    await peer.end();
  });

  it('with a message that is too long is refused; an empty one reads as the end', async () => {
    const oversize = await startHostile('oversize');
    expect(() => oversize.receive()).toThrow(coded('EPROTO'));
    await oversize.end();
    const empty = await startHostile('empty');
    expect(empty.receive()).toEqual({ length: 0, descriptor: -1 });
    await empty.end();
  });
});

describe('a pair of sockets', () => {
  it('is connected, and each end has as many descriptors as are made', () => {
    const open = descriptorCount();
    const [one, other] = unixPair();
    const again = duplicateDescriptor(one);
    expect(link(again)).toBe(link(one));
    sendMessage(again, Uint8Array.of(7));
    const bytes = new Uint8Array(4);
    expect(receiveMessage(other, bytes)).toEqual({ length: 1, descriptor: -1 });
    expect(receiveMessage(other, bytes)).toBeNull();
    // The end is noticed when the last descriptor is closed.
    closeDescriptor(one);
    expect(receiveMessage(other, bytes)).toBeNull();
    closeDescriptor(again);
    expect(receiveMessage(other, bytes)?.length).toBe(0);
    closeDescriptor(other);
    expect(descriptorCount()).toBe(open);
    expect(() => duplicateDescriptor(one)).toThrow(coded('EBADF'));
  });
});

describe('the name of a thread', () => {
  it('is what the system shows', () => {
    const nameOf = () => readFileSync('/proc/thread-self/comm', 'utf8').trim();
    const name = nameOf();
    setThreadName('worker-7');
    expect(nameOf()).toBe('worker-7');
    setThreadName(name);
    expect(() => setThreadName('sixteen letters.')).toThrow(TypeError);
    expect(() => setThreadName('nul\0')).toThrow(TypeError);
  });
});
