/** What a hostile process does to a server, over and over: each attack comes in steps of well below a millisecond. */
import {
  CELL_BLOCKED_NEED_WORD,
  CELL_BLOCKED_SEQ_WORD,
  CELL_CONS_WORD,
  CELL_PROD_WORD,
  CELL_SLOT_SEQ_WORD,
  CELL_SLOT_WORD,
  LINK_CONNECTION_LIMIT,
  LINK_RING_BYTES,
  RECORD_ALIGN,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_ATTACH,
  RECORD_LINK_CLOSE,
  RECORD_LINK_NEWS,
  RECORD_LINK_OPEN,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_LINK_PROD_WORD,
  SEGMENT_HEADER_SLEEP_EPOCH_WORD,
  SESSION_DATA,
} from '#src/layout/layout.gen.js';
import { closeDescriptor, listeningSockets, sendMessage, unixConnect } from '#src/native/os.js';
import { acquireVirtualPort } from '#src/ports/virtual-ports.js';
import { encodeJoin } from '#src/providers/shm/handshake.js';
import { rendezvousName } from '#src/providers/shm/host.js';
import { newToken } from '#src/providers/shm/move-record.js';
import { encodeOpen } from '#src/providers/shm/open-record.js';
import type { RingProducer } from '#src/ring/producer.js';
import { helloMessage, meet, RawLink, sessionMessage } from './raw.js';

/** One step. Throws when the server has ended what the attack needs: then it begins anew. */
export type Step = () => unknown;
/** Prepares an attack on the server at `port`. */
export type Attack = (port: number) => Promise<{ readonly step: Step; readonly end: () => void }>;

/** Records written in one step. */
const BURST = 256;
const HALF_OPEN_MAX = 256;
const SHARED_WORDS = [
  CELL_BLOCKED_NEED_WORD,
  CELL_BLOCKED_SEQ_WORD,
  CELL_CONS_WORD,
  CELL_PROD_WORD,
  CELL_SLOT_SEQ_WORD,
  CELL_SLOT_WORD,
];

async function join(port: number): Promise<RawLink> {
  const link = await RawLink.join(port);
  if (typeof link === 'number') throw new Error(`refused (${link})`);
  return link;
}

/** With connection 0 open and negotiated; the server echoes. */
async function conversing(port: number): Promise<{ link: RawLink; ring: RingProducer }> {
  const link = await join(port);
  link.open(0, port);
  while ((await link.next())[0] !== RECORD_LINK_ACCEPT);
  const ring = link.ring(0);
  link.write(ring, helloMessage());
  return { link, ring };
}

function randomWord(): number {
  return Math.floor(Math.random() * 2 ** 32) | 0;
}

/** Throws when the server has hung up. */
function wakeOrThrow(link: RawLink): void {
  try {
    sendMessage(link.fd, Uint8Array.of(1));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

/** Consumes all that the server says, unread. */
function swallow(link: RawLink): void {
  const said = Atomics.load(link.peer.words, SEGMENT_HEADER_LINK_PROD_WORD);
  Atomics.store(link.own.words, SEGMENT_HEADER_LINK_CONS_WORD, said);
}

/** Throws when the server has hung up. */
function orGone(link: RawLink): void {
  if (link.isGone()) throw new Error('the server has hung up');
}

/** The whole link ring: news of connections that are not open. From then on the position alone needs to be moved. */
function fillWithNews(link: RawLink): void {
  const ring = link.ringWord();
  for (let at = 0; at < LINK_RING_BYTES / 4; at += RECORD_ALIGN / 4) {
    link.own.words.set([4, RECORD_LINK_NEWS, at % LINK_CONNECTION_LIMIT], ring + at);
  }
}

/** Publishes as much as the ring holds. */
function publishAll(link: RawLink): void {
  const consumed = Atomics.load(link.peer.words, SEGMENT_HEADER_LINK_CONS_WORD);
  Atomics.store(link.own.words, SEGMENT_HEADER_LINK_PROD_WORD, consumed + LINK_RING_BYTES);
}

/** Writes a record as long as there is room. */
function pour(link: RawLink, type: number, words: () => Int32Array): void {
  try {
    for (let i = 0; i < BURST; i++) link.record(type, words());
  } catch {
    // The ring is full: the server takes its time.
  }
  orGone(link);
}

function opens(link: RawLink, port: number, sourcePort: number): () => Int32Array {
  const source = { family: 4, address: '127.0.0.1', port: sourcePort } as const;
  const destination = { family: 4, address: '127.0.0.1', port } as const;
  const words = encodeOpen(0, { cookie: link.cookie, claim: 1, source, destination });
  let id = 0;
  return () => {
    words[0] = id = (id + 1) % LINK_CONNECTION_LIMIT;
    return words;
  };
}

const onLink =
  (attack: (link: RawLink, port: number) => Step): Attack =>
  async (port) => {
    const link = await join(port);
    return { step: attack(link, port), end: () => link.close() };
  };

/** All attacks, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  /** Connections from ports of its own, on which nothing is ever said. */
  'OPEN flood': onLink((link, port) => {
    const next = opens(link, port, acquireVirtualPort('127.0.0.1') as number);
    return () => {
      swallow(link);
      pour(link, RECORD_LINK_OPEN, next);
    };
  }),
  /** From somebody else's: the server asks the kernel each time. */
  'forged OPEN flood': onLink((link, port) => {
    const next = opens(link, port, 1_030);
    return () => {
      swallow(link);
      pour(link, RECORD_LINK_OPEN, next);
    };
  }),
  /** Meets the server, and says no more. */
  'handshake flood': async (port) => {
    const name = rendezvousName(listeningSockets(port)[0]?.cookie as bigint);
    const open: number[] = [];
    const step = (): void => {
      for (let i = 0; i < 32; i++) {
        if (open.length >= HALF_OPEN_MAX) closeDescriptor(open.shift() as number);
        try {
          open.push(unixConnect(name));
        } catch {
          return; // The queue is full.
        }
      }
    };
    return { step, end: () => open.forEach(closeDescriptor) };
  },
  /** Meets the server with messages that are none, whole, in part and twice. */
  'handshake garbage': async (port) => {
    const step = async (): Promise<void> => {
      const { fd } = await meet(port);
      const message = encodeJoin('cd'.repeat(16));
      try {
        for (let i = 0; i < 3; i++) sendMessage(fd, message.subarray(0, Math.ceil(Math.random() * message.length)));
        sendMessage(fd, new Uint8Array(5_000));
      } finally {
        closeDescriptor(fd);
      }
    };
    return { step, end: () => {} };
  },
  /** Makes links and leaves them at once. */
  'link flood': async (port) => {
    return { step: async () => (await join(port)).close(), end: () => {} };
  },
  'endless wakes': onLink((link) => () => {
    for (let i = 0; i < BURST; i++) wakeOrThrow(link);
  }),
  /** Seems to fall asleep after every record, so that each answer needs a wake-up. */
  'epoch flips': async (port) => {
    const { link, ring } = await conversing(port);
    const message = sessionMessage(SESSION_DATA, new Uint8Array(8));
    const step = (): void => {
      for (let i = 0; i < 16; i++) {
        Atomics.add(link.own.words, SEGMENT_HEADER_SLEEP_EPOCH_WORD, 1);
        swallow(link);
        link.setCellQuietly(0, CELL_CONS_WORD, link.peerCell(0, CELL_PROD_WORD));
        if (ring.used() < 2_000) link.write(ring, message);
      }
      orGone(link);
    };
    return { step, end: () => link.close() };
  },
  /** Every word that the server reads, at random. */
  'garbage words': async (port) => {
    const { link } = await conversing(port);
    const step = (): void => {
      for (const word of SHARED_WORDS) link.setCellQuietly(0, word, randomWord() & -RECORD_ALIGN);
      const word = Math.floor(Math.random() * 128);
      link.own.words[word] = randomWord();
      link.record(RECORD_LINK_NEWS, [0]);
      wakeOrThrow(link);
    };
    return { step, end: () => link.close() };
  },
  /** Bytes that change while they are read: sound positions, and noise in the ring between them. */
  'changing bytes': async (port) => {
    const { link, ring } = await conversing(port);
    const base = link.slotWord(0);
    let steps = 0;
    const step = (): void => {
      // Some noise ends the session alone, and leaves the link.
      if (++steps > 200) throw new Error('once more');
      swallow(link);
      link.setCellQuietly(0, CELL_CONS_WORD, link.peerCell(0, CELL_PROD_WORD));
      if (ring.used() < 2_000) link.write(ring, sessionMessage(SESSION_DATA, new Uint8Array(200)));
      for (let i = 0; i < 64; i++) link.own.words[base + Math.floor(Math.random() * 1_024)] = randomWord();
      orGone(link);
    };
    return { step, end: () => link.close() };
  },
  /** News of connections that nobody knows, as fast as the server can read them. */
  'NEWS flood': onLink((link) => {
    fillWithNews(link);
    return () => {
      for (let i = 0; i < BURST; i++) publishAll(link);
      orGone(link);
    };
  }),
  /** Follows connections that never were: each waits for somebody to claim its token. */
  'ATTACH flood': onLink((link) => {
    let id = 0;
    const words = new Int32Array(3);
    return () => {
      swallow(link);
      pour(link, RECORD_LINK_ATTACH, () => {
        id = (id + 1) % LINK_CONNECTION_LIMIT;
        words.set([id, randomWord(), randomWord()]);
        return words;
      });
    };
  }),
  /** Opens connections and moves them away at once, to nowhere: each keeps the server waiting. */
  'MOVE flood': async (port) => {
    const link = await join(port);
    const sourcePort = acquireVirtualPort('127.0.0.1') as number;
    const next = opens(link, port, sourcePort);
    const step = (): void => {
      orGone(link);
      const accepted: number[] = [];
      while (link.in.reload() && link.in.next()) {
        if (link.in.type === RECORD_LINK_ACCEPT) accepted.push(link.peer.words[link.in.offset >>> 2] as number);
        link.in.release();
        link.in.commit();
      }
      for (const id of accepted) {
        link.move(id, newToken());
        link.record(RECORD_LINK_CLOSE, [id]);
      }
      for (let i = 0; i < 32; i++) link.record(RECORD_LINK_OPEN, next());
    };
    return { step, end: () => link.close() };
  },
  /** Hangs up, and goes on writing into the memory that the server has a last look at. */
  'endless last words': async (port) => {
    const link = await join(port);
    fillWithNews(link);
    publishAll(link);
    closeDescriptor(link.fd);
    let steps = 0;
    const step = (): void => {
      const until = performance.now() + 2;
      while (performance.now() < until) publishAll(link);
      if (++steps > 40) throw new Error('enough of this one');
    };
    return { step, end: () => link.unmap() };
  },
  /** Opens a connection, and then is silent. */
  silence: onLink((link, port) => {
    link.open(0, port);
    return () => {};
  }),
};
