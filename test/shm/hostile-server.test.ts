import { closeSync, openSync } from 'node:fs';
import type { DecisionRecord } from 'sanswitch';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CELL_SLOT_WORD,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_REJECT,
  REJECT_BACKLOG,
  REJECT_NOT_LISTENING,
  REJECT_REFUSED,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_MAGIC_WORD,
  SESSION_DATA,
  WELCOME_OK,
  WELCOME_RESOURCES,
} from '#src/layout/layout.gen.js';
import { closeDescriptor, sendMessage } from '#src/native/os.js';
import { encodeWelcome } from '#src/providers/shm/handshake.js';
import { eventually } from './party.js';
import { killPeers, Peer } from './peer.js';
import { nextMessage, type RawLink, sessionMessage } from './raw.js';
import { afterwards, type Behaviour, closeQuietly, closeServers, ident, serve, welcome } from './raw-server.js';

let peer: Peer;

beforeAll(async () => {
  peer = await Peer.process({ providers: ['shm'], sanConnectTimeoutMs: 400, negotiationTimeoutMs: 400 });
  // What is made on first use is there then.
  await allIsWell();
});

afterAll(killPeers);

afterEach(() => {
  closeServers();
});

/** What becomes of a connect of the peer. */
async function outcome(port: number): Promise<[string, string | undefined]> {
  const result = await peer.do.tryConnect({ port });
  const { candidates } = (await peer.do.decision()) as DecisionRecord;
  return [result, candidates.find(({ provider }) => provider === 'shm')?.reason];
}

/** The client lives and is served by honest servers. */
async function allIsWell(): Promise<void> {
  expect(peer.isGone).toBe(false);
  const { port } = await peer.do.listen('echo');
  expect(await peer.do.tryConnect({ port })).toBe('connected by shm');
}

describe('[WSD-3.4] a server that breaks the handshake is met over TCP/IP', () => {
  const file = (): number => {
    const fd = openSync('/proc/self/exe', 'r');
    afterwards(() => closeSync(fd));
    return fd;
  };

  it.each<[string, string, Behaviour]>([
    ['hangs up', 'handshake-failed', (fd) => closeDescriptor(fd)],
    ['says nothing', 'connect-timed-out', () => {}],
    ['talks nonsense', 'another-layout', (fd) => sendMessage(fd, new Uint8Array(40).fill(7))],
    ['talks too much', 'handshake-failed', (fd) => sendMessage(fd, new Uint8Array(4_000))],
    ['is there for another socket', 'another-layout', (fd, cookie, listenerFd) => ident(fd, cookie + 1n, listenerFd)],
    [
      'hangs up on a JOIN',
      'handshake-failed',
      async (fd, cookie, listenerFd) => {
        ident(fd, cookie, listenerFd);
        closeQuietly((await nextMessage(fd)).descriptor);
        closeDescriptor(fd);
      },
    ],
    [
      'has no room for a link',
      'handshake-failed',
      (fd, cookie, listenerFd) => {
        ident(fd, cookie, listenerFd);
        sendMessage(fd, encodeWelcome(WELCOME_RESOURCES));
      },
    ],
    [
      'sends nonsense with a descriptor',
      'handshake-failed',
      (fd, cookie, listenerFd) => {
        ident(fd, cookie, listenerFd);
        sendMessage(fd, new Uint8Array(24).fill(1), file());
      },
    ],
    [
      'sends a file for a segment',
      'handshake-failed',
      (fd, cookie, listenerFd) => {
        ident(fd, cookie, listenerFd);
        sendMessage(fd, encodeWelcome(WELCOME_OK), file());
      },
    ],
    [
      'sends a segment of no kind',
      'handshake-failed',
      (fd, cookie, listenerFd) =>
        welcome(fd, cookie, listenerFd, ({ region }) => {
          region.words[SEGMENT_HEADER_MAGIC_WORD] = 0;
        }),
    ],
    [
      'sends a segment with impossible positions',
      'handshake-failed',
      (fd, cookie, listenerFd) =>
        welcome(fd, cookie, listenerFd, ({ region }) => {
          region.words[SEGMENT_HEADER_LINK_CONS_WORD] = 4_000;
        }),
    ],
  ])('that %s', async (_, reason, behave) => {
    const before = await peer.do.resources();
    expect(await outcome(await serve(behave))).toEqual(['connected by tcp', reason]);
    await eventually('everything is given back', async () => {
      const now = await peer.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
  });

  it('and other servers are served', allIsWell);
});

describe('a server that answers an OPEN', () => {
  const answering =
    (answer: (link: RawLink, id: number) => unknown): Behaviour =>
    async (fd, cookie, listenerFd) => {
      const link = await welcome(fd, cookie, listenerFd);
      for (;;) {
        const [, id] = (await link.next()) as [number, number];
        answer(link, id);
      }
    };

  it.each<[string, string, string | undefined, (link: RawLink, id: number) => unknown]>([
    ['never', 'connected by tcp', 'connect-timed-out', () => {}],
    [
      'by a refusal (4.4)',
      'ECONNREFUSED',
      'refused-by-peer',
      (link, id) => link.record(RECORD_LINK_REJECT, [id, REJECT_REFUSED]),
    ],
    [
      'as full (4.4)',
      'ECONNREFUSED',
      'backlog-full',
      (link, id) => link.record(RECORD_LINK_REJECT, [id, REJECT_BACKLOG]),
    ],
    [
      'as not listening',
      'connected by tcp',
      'listener-closed',
      (link, id) => link.record(RECORD_LINK_REJECT, [id, REJECT_NOT_LISTENING]),
    ],
    [
      'for a reason of its own',
      'connected by tcp',
      'peer-out-of-resources',
      (link, id) => link.record(RECORD_LINK_REJECT, [id, 4_711]),
    ],
    ['for another', 'connected by tcp', 'connect-timed-out', (link, id) => link.record(RECORD_LINK_ACCEPT, [id + 1])],
    ['and is silent', 'connected by tcp', 'negotiation-failed', (link, id) => link.record(RECORD_LINK_ACCEPT, [id])],
    [
      'and talks nonsense',
      'connected by tcp',
      'negotiation-failed',
      (link, id) => {
        link.record(RECORD_LINK_ACCEPT, [id]);
        link.write(link.ring(id), sessionMessage(SESSION_DATA, new Uint8Array(8)));
      },
    ],
    ['by nonsense', 'connected by tcp', 'link-died', (link) => link.record(9, [1])],
    ['by hanging up', 'connected by tcp', 'link-died', (link) => closeDescriptor(link.fd)],
  ])('%s', async (_, result, reason, answer) => {
    const port = await serve(answering(answer));
    expect(await outcome(port)).toEqual([result, reason]);
    // Once more: over the same link where it stands.
    expect((await outcome(port))[0]).toBe(result);
  });

  it('a cell that names no slot ends the link before it is used', async () => {
    const port = await serve((fd, cookie, listenerFd) =>
      welcome(fd, cookie, listenerFd, ({ region }) => {
        for (let id = 0; id < 64; id++) region.words[(4_096 + id * 64) / 4 + CELL_SLOT_WORD] = 0x3fffffff;
      }),
    );
    expect(await outcome(port)).toEqual(['connected by tcp', 'link-died']);
    await allIsWell();
  });

  it('and other servers are served', allIsWell);
});

describe('a process without descriptors', () => {
  it('serves by TCP/IP or not at all, and lives', async (context) => {
    const { execFileSync } = await import('node:child_process');
    const poor = await Peer.process({ providers: ['shm'] });
    const { port } = await poor.do.listen('echo');
    const limit = (count: number): void => {
      execFileSync('prlimit', ['--pid', String(poor.pid), `--nofile=${count}:4096`]);
    };
    try {
      limit(4);
    } catch {
      return context.skip('no prlimit here');
    }
    await Promise.race([peer.do.tryConnect({ port, timeoutMs: 1_500 }), new Promise((r) => setTimeout(r, 2_000))]);
    expect(await poor.do.tryConnect({ port, timeoutMs: 1_000 })).toMatch(/^E|ERR_/);
    expect(poor.isGone).toBe(false);
    limit(1_024);
    await eventually('it is served again', async () => {
      return (await peer.do.tryConnect({ port, timeoutMs: 2_000 })) === 'connected by shm';
    });
    await poor.kill();
  });
});
