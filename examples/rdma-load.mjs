// Loads an echo server, and says how fast it was. node examples/rdma-load.mjs HOST PORT [CONNECTIONS] [SECONDS]
import { createHistogram } from 'node:perf_hooks';
import { createSwitch } from 'sanswitch';
import config from './rdma-config.mjs';

const [host = '127.0.0.1', port = '', connections = '8', seconds = '5'] = process.argv.slice(2);
const MESSAGE_BYTES = 64;

const sw = await createSwitch(config);
const times = createHistogram();
const providers = new Map();
const endAt_ms = performance.now() + Number(seconds) * 1_000;

/** One connection, which sends its next message when the echo of the last one has come. */
function run(socket) {
  providers.set(socket.provider, (providers.get(socket.provider) ?? 0) + 1);
  const message = new Uint8Array(MESSAGE_BYTES);
  return new Promise((resolve, reject) => {
    let sentAt_ns = process.hrtime.bigint();
    let missing = MESSAGE_BYTES;
    socket.handlers = {
      received(socket, bytes) {
        missing -= bytes.length;
        if (missing > 0) return;
        const now_ns = process.hrtime.bigint();
        times.record(now_ns - sentAt_ns || 1n);
        if (performance.now() >= endAt_ms) return void socket.close();
        sentAt_ns = now_ns;
        missing = MESSAGE_BYTES;
        socket.send(message);
      },
      closed: (_socket, error) => (error ? reject(error) : resolve(undefined)),
    };
    socket.send(message);
  });
}

const sockets = [];
for (let i = 0; i < Number(connections); i++) sockets.push(await sw.connect({ host, port: Number(port) }));
const start_ms = performance.now();
await Promise.all(sockets.map(run));
const rate = times.count / ((performance.now() - start_ms) / 1_000);
await sw.close();

const used = [...providers].map(([name, count]) => `${count} by ${name}`).join(', ');
const [p50, p99] = [50, 99].map((percentile) => (times.percentile(percentile) / 1_000).toFixed(1));
console.log(`connections: ${used}`);
console.log(`${Math.round(rate)} round trips of ${MESSAGE_BYTES} bytes a second; p50 ${p50} us, p99 ${p99} us`);
