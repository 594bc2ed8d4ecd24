/**
 * A link goes down, or a device away, on either side. What soft-RoCE keeps of that disturbs later connects in the same
 * machine, so each of these runs in one of its own (`test/vm/suites.mjs` names them).
 */
import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { afterwards, NOTICED_MS, Partner, run, SMALL, switchHere, timed, until } from './partners.js';

const FOR_EVER = Number.POSITIVE_INFINITY;
const STREAM = { pieceBytes: SMALL, totalBytes: FOR_EVER };
const KEEP_ALIVE_MS = 500;

/** A stream both ways, without keep-alive. */
async function streaming() {
  const sw = await switchHere();
  const partner = await Partner.start(STREAM);
  const flow = await partner.flow(sw, STREAM);
  await until('it is under way', () => flow.received > 10 * SMALL);
  return { partner, flow };
}

it.each([
  ['our link goes down', 'rx1'],
  ['the link of the peer goes down', 'rx0'],
])('%s: an error on both sides', async (_, device) => {
  const { partner, flow } = await streaming();
  run('ip', 'link', 'set', device, 'down');
  const [report, tookMs] = await timed(flow.ended);
  expect(report.wrong).toBe(0);
  expect(['ETIMEDOUT', 'ENETDOWN', 'ECONNABORTED', 'ECONNRESET']).toContain(report.error);
  expect(tookMs).toBeLessThan(NOTICED_MS);
  await until('the partner knows', () => partner.ended.length > 0, NOTICED_MS);
  expect(partner.ended[0]?.error).not.toBeNull();
  await expectAlive(partner);
});

it('the link of the peer goes down while the connection is idle: keep-alive tells', async () => {
  const sw = await switchHere();
  const partner = await Partner.start();
  const keepAlive = { keepAlive: true, keepAliveInitialDelayMs: KEEP_ALIVE_MS };
  const flow = await partner.flow(sw, { pieceBytes: SMALL, totalBytes: 0 }, keepAlive);
  await until('it is accepted', () => partner.accepted === 1);
  run('ip', 'link', 'set', 'rx0', 'down');
  const [report, tookMs] = await timed(flow.ended);
  expect(report).toMatchObject({ wrong: 0, error: 'ETIMEDOUT' });
  expect(tookMs).toBeGreaterThan(KEEP_ALIVE_MS / 2);
  expect(tookMs).toBeLessThan(KEEP_ALIVE_MS + NOTICED_MS);
  await expectAlive(partner);
});

it.each([
  ['our device', 'rxe1'],
  ['the device of the peer', 'rxe0'],
])('%s is removed: an error on both sides', async (_, device) => {
  const { partner, flow } = await streaming();
  // The command waits until the last process that has opened the device is gone, of which this is one.
  const removal = spawn('rdma', ['link', 'del', device], { stdio: 'inherit' });
  afterwards(() => removal.kill('SIGKILL'));
  const [report, tookMs] = await timed(flow.ended);
  expect(report.wrong).toBe(0);
  expect(['ETIMEDOUT', 'ENETDOWN', 'ECONNABORTED', 'ECONNRESET']).toContain(report.error);
  expect(tookMs).toBeLessThan(NOTICED_MS);
  await until('the partner knows', () => partner.ended.length > 0, NOTICED_MS);
  expect(partner.ended[0]?.error).not.toBeNull();
  await expectAlive(partner);
});

/** Both processes go on: the partner's is there, and ours carries a connection by TCP/IP. */
async function expectAlive(partner: Partner): Promise<void> {
  expect([partner.child.exitCode, partner.child.signalCode]).toEqual([null, null]);
  const sw = await switchHere({ providers: [] });
  const listener = await sw.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    socket.handlers = { received: (_, bytes) => void socket.send(bytes) };
  });
  const socket = await sw.connect({ host: '127.0.0.1', port: (listener.address() as { port: number }).port });
  socket.send(Buffer.from('hello'));
  expect(Buffer.from((await socket.receive()) ?? []).toString()).toBe('hello');
  await socket.close();
}
