// Starts test/fixtures/hostile-peer.py and accepts its connection.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { closeDescriptor, receiveMessage, unixAccept, unixListen } from '#src/native/os.js';

const script = join(process.cwd(), 'test', 'fixtures', 'hostile-peer.py');
let serial = 0;

/** Null, or why the hostile peer can't play. */
export const hostileReason: string | null =
  spawnSync('python3', ['-c', 'import os, socket; os.memfd_create; socket.send_fds']).status === 0
    ? null
    : 'needs python3 (3.9 or newer)';

/** Descriptors that this process has open. */
export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A connection from the peer. */
export interface Hostile {
  readonly fd: number;
  /** What it said: `sent`, or `unable: ...`. */
  readonly said: string;
  /** Receives its one message. */
  receive(limit?: number): { length: number; descriptor: number };
  end(): Promise<void>;
}

/** Starts it; see the script for what it can be told. */
export async function startHostile(what: string, bytes = 1 << 20): Promise<Hostile> {
  const name = `sanswitch-test-hostile-${process.pid}-${serial++}`;
  const listener = unixListen(name, 1);
  const child: ChildProcess = spawn('python3', [script, name, what, String(bytes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [text] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const fd = unixAccept(listener) as number;
  closeDescriptor(listener);
  return {
    fd,
    said: String(text).trim(),
    receive(limit = 64) {
      const message = receiveMessage(fd, new Uint8Array(limit));
      if (message === null) throw new Error('no message came');
      return message;
    },
    async end() {
      closeDescriptor(fd);
      child.stdin?.end();
      await once(child, 'close');
      // The pipes of the child are closed a little after it.
      await delay(1);
    },
  };
}
