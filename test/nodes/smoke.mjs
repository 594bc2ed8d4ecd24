// A small program for run.mjs to run with each Node: loads the package and sends bytes over shared memory, on one thread
// and to a worker thread and back; takes over a lock that the worker leaves behind. A fallback to TCP/IP is an error.
// Prints what runs it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createSwitch } from 'sanswitch';
import { Mutex } from 'sanswitch/sync';

const host = '127.0.0.1';
const bytes = 4 * 1024 * 1024;

async function listenAndEcho(sanswitch) {
  const listener = await sanswitch.listen({ host, port: 0 }, (socket) => {
    socket.handlers = {
      received: (_, chunk) => void socket.send(chunk),
      ended: () => socket.end(),
    };
  });
  return listener;
}

async function echo(sanswitch, port) {
  const socket = await sanswitch.connect({ host, port });
  assert.equal(socket.provider, 'shm');
  const sent = randomBytes(bytes);
  const received = createHash('sha256');
  let left = bytes;
  await new Promise((resolve, reject) => {
    socket.handlers = {
      received(_, chunk) {
        received.update(chunk);
        left -= chunk.length;
        if (left === 0) resolve(undefined);
      },
      closed: (_, error) => reject(error ?? new Error('closed early')),
    };
    socket.send(sent);
  });
  assert.equal(received.digest('hex'), createHash('sha256').update(sent).digest('hex'));
  socket.handlers = {};
  await socket.close();
}

const sanswitch = await createSwitch({ providers: ['shm!'] });
const listener = await listenAndEcho(sanswitch);
if (isMainThread) {
  const require = createRequire(import.meta.url);
  process.stdout.write(`node ${process.versions.node}\n`);
  assert.deepEqual(Object.keys(require('sanswitch')).sort(), Object.keys(await import('sanswitch')).sort());
  await echo(sanswitch, listener.address().port);
  const worker = new Worker(new URL(import.meta.url));
  const port = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await echo(sanswitch, port);
  // The worker ends with the lock in its hands.
  const buffer = new SharedArrayBuffer(Mutex.BYTES);
  worker.postMessage(buffer);
  await new Promise((resolve) => worker.once('exit', resolve));
  assert.equal(await new Mutex(buffer).lockAsync(), 'recovered');
} else {
  parentPort.once('message', async (buffer) => {
    new Mutex(buffer).lock();
    await listener.close();
    await sanswitch.close();
    parentPort.close();
  });
  parentPort.postMessage(listener.address().port);
}
if (isMainThread) {
  await listener.close();
  await sanswitch.close();
}
