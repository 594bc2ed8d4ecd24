import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';

interface Run {
  readonly code: number | null;
  readonly output: string;
  /** Still running when the time was over. */
  readonly lasted: boolean;
}

/** Runs a program that has `sw`, `listener` (an echo) and `port`, over one provider. */
function run(provider: string, body: string, limitMs: number): Promise<Run> {
  const program = `
    import { createSwitch } from 'sanswitch';
    import { setTimeout as delay } from 'node:timers/promises';
    const sw = await createSwitch({ providers: ['${provider}!'] });
    const listener = await sw.listen({ host: '127.0.0.1', handlers: { received: (s, bytes) => s.send(bytes) } }, () => {});
    const { port } = listener.address();
    const host = '127.0.0.1';
    ${body}
  `;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let lasted = false;
    child.stdout.on('data', (bytes) => (output += bytes));
    child.stderr.on('data', (bytes) => (output += bytes));
    const timer = setTimeout(() => {
      lasted = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output, lasted });
    });
  });
}

const ENDS_MS = 10_000;
const LASTS_MS = 1_500;

describe.each(['tcp', 'loop', 'shm'])('a process over %s', (provider) => {
  it('ends by itself when everything is closed', async () => {
    const body = `
      const socket = await sw.connect({ port, host });
      await socket.sendAsync(Buffer.from('x'));
      console.log(String(Buffer.from(await socket.receive())));
      await socket.close();
      await listener.close();
      await sw.close();`;
    expect(await run(provider, body, ENDS_MS)).toEqual({ code: 0, output: 'x\n', lasted: false });
  });

  it('ends by itself when connections and listeners are closed, the switch open', async () => {
    const body = `
      const socket = await sw.connect({ port, host });
      await socket.close();
      await listener.close();`;
    expect(await run(provider, body, ENDS_MS)).toMatchObject({ code: 0, output: '', lasted: false });
  });

  it('lives as long as a listener does', async () => {
    expect(await run(provider, '', LASTS_MS)).toMatchObject({ lasted: true });
  });

  it('lives as long as a socket does', async () => {
    const body = `
      const socket = await sw.connect({ port, host });
      await listener.close();`;
    expect(await run(provider, body, LASTS_MS)).toMatchObject({ lasted: true });
  });

  it('does not wait for what is unreferenced', async () => {
    const body = `
      listener.unref();
      const accepted = new Promise((resolve) => setTimeout(resolve, 50));
      const other = await sw.listen({ host }, (socket) => { socket.unref(); });
      const socket = await sw.connect({ port: other.address().port, host });
      socket.unref();
      other.unref();
      await accepted;
      console.log('done');`;
    expect(await run(provider, body, ENDS_MS)).toEqual({ code: 0, output: 'done\n', lasted: false });
  });

  it('dies of an exception in a handler that nobody catches', async () => {
    const body = `
      const socket = await sw.connect({ port, host });
      socket.handlers = { received() { throw new Error('out of the handler'); } };
      socket.send(Buffer.from('x'));`;
    const { code, output } = await run(provider, body, ENDS_MS);
    expect(code).toBe(1);
    expect(output).toContain('out of the handler');
  });

  it('serves in a worker thread, and survives the thread’s end', async () => {
    const body = `
      const { Worker } = await import('node:worker_threads');
      const code = \`
        import('sanswitch').then(async ({ createSwitch }) => {
          const { parentPort, workerData } = await import('node:worker_threads');
          const sw = await createSwitch({ providers: ['${provider === 'loop' ? 'tcp' : provider}'] });
          const socket = await sw.connect({ port: workerData.port, host: '127.0.0.1' });
          socket.send(Buffer.from('from a worker'));
          parentPort.postMessage([socket.provider, String(Buffer.from(await socket.receive()))]);
        });\`;
      const plain = await createSwitch({ providers: ['shm'] });
      const echo = await plain.listen({ host, handlers: { received: (s, bytes) => s.send(bytes) } }, () => {});
      for (let i = 0; i < 3; i += 1) {
        const worker = new Worker(code, { eval: true, workerData: { port: echo.address().port } });
        const [by, text] = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        console.log(text);
        await worker.terminate();
      }
      await plain.close();
      await sw.close();`;
    const { code, output, lasted } = await run(provider, body, ENDS_MS * 2);
    expect({ code, output, lasted }).toEqual({ code: 0, output: 'from a worker\n'.repeat(3), lasted: false });
  });
});
