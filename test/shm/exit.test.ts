import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createSwitch, type Switch } from 'sanswitch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, Party } from './party.js';
import { STRICT } from './peer.js';
import { resources } from './resources.js';

const MIB = 1024 * 1024;
const fixture = join(process.cwd(), 'build', 'test', 'fixtures', 'shm-exit.js');
/** More than the process's ring holds, so that it sends while we read. */
const bytes = 5 * MIB;

let sw: Switch;
let party: Party;
let port: number;

beforeEach(async () => {
  sw = await createSwitch(STRICT);
  party = new Party('sink');
  const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
    party.socket = socket;
    socket.handlers = party.handlers;
  });
  ({ port } = listener.address());
});

afterEach(() => sw.close());

/** Runs the fixture until it has ended. */
async function run(how: string): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  const child = spawn(process.execPath, [fixture, String(port), String(bytes), how], {
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const [stderr, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code, signal, stderr };
}

describe('[WSD-7.3] a process that ends by itself: its peer has all that was sent, and then', () => {
  const RESET = 'ECONNRESET';

  it.each<[string, string, string | null, number | string, RegExp]>([
    ['the end of the stream after end()', 'end', null, 0, /^$/],
    ['the end of the stream, when SIGTERM is handled by socket.close()', 'sigterm-socket', null, 0, /^$/],
    ['the end of the stream, when beforeExit is handled by socket.close()', 'before-exit', null, 0, /^$/],
    ['a reset after process.exit()', 'exit', RESET, 0, /^$/],
    ['a reset after an exception that nobody catches', 'uncaught', RESET, 1, /nobody catches this/],
    ['a reset after a rejection that nobody handles', 'rejection', RESET, 1, /nobody handles this/],
    ['a reset after SIGTERM', 'sigterm', RESET, 'SIGTERM', /^$/],
    ['a reset, when SIGTERM is handled by sw.close()', 'sigterm-switch', RESET, 0, /^$/],
    ['a reset, when beforeExit is handled by sw.close()', 'before-exit-switch', RESET, 0, /^$/],
  ])('%s', async (_, how, errorCode, outcome, stderr) => {
    const { code, signal, stderr: complaint } = await run(how);
    expect(code ?? signal).toBe(outcome);
    expect(complaint).toMatch(stderr);
    await eventually('the peer knows', () => party.closed);
    expect(party.facts()).toMatchObject({ received: bytes, ended: errorCode === null, errorCode });
    await eventually('nothing is left of the link', () => resources().segments === 0);
  });

  it('a reset after the last words of an exit handler', async () => {
    expect(await run('exit-handler')).toMatchObject({ code: 0 });
    await eventually('the peer knows', () => party.closed);
    expect(party.facts()).toMatchObject({ received: bytes + 1, errorCode: RESET });
  });

  it('a reset, with an unreferenced socket: at once', async () => {
    expect(await run('abandon')).toMatchObject({ code: 0, stderr: '' });
    await eventually('the peer knows', () => party.closed);
    expect(party.facts().errorCode).toBe(RESET);
    expect(party.received).toBeLessThanOrEqual(bytes);
  });
});
