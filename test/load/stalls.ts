/** A server in a process of its own that echoes, and stands still again and again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const PROGRAM = `
  import { createServer } from 'node:net';
  const [length_ms, every_ms] = process.argv.slice(1).map(Number);
  const server = createServer((socket) => socket.setNoDelay(true).on('error', () => {}).pipe(socket));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  // By the clock, so that the stalls neither drift nor add up.
  let next_ms = performance.now() + every_ms;
  const stall = () => {
    const end_ms = performance.now() + length_ms;
    while (performance.now() < end_ms);
    next_ms += every_ms;
    setTimeout(stall, next_ms - performance.now());
  };
  setTimeout(stall, every_ms);
  process.once('disconnect', () => process.exit());
`;

/** Starts one. */
export async function stallServer({ length_ms, every_ms }: { readonly length_ms: number; readonly every_ms: number }) {
  const args = ['--input-type=module', '-e', PROGRAM, String(length_ms), String(every_ms)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    async stop(): Promise<void> {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
