import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  CELL_BLOCKED_SEQ_WORD,
  CELL_PROD_WORD,
  LINK_RING_OFFSET,
  RECORD_LINK_SPACE,
  SLOT_CLASS0_BYTES,
  SLOT_CLASS0_OFFSET,
} from '#src/layout/layout.gen.js';
import { ShmConnection } from '#src/providers/shm/connection.js';
import type { Link } from '#src/providers/shm/link.js';
import { cellWord } from '#src/providers/shm/segment.js';
import { NO_ERROR, WSAEWOULDBLOCK } from '#src/spi/codes.js';
import type { Overlapped, WsaBuffer } from '#src/spi/types.js';

afterEach(() => vi.restoreAllMocks());

/** Two ends over two segments, as far as class 0 goes; what they write into the link rings is only noted. */
function makeEnds() {
  expect(LINK_RING_OFFSET).toBeLessThan(SLOT_CLASS0_OFFSET);
  const region = () => {
    const buffer = new SharedArrayBuffer(SLOT_CLASS0_OFFSET + SLOT_CLASS0_BYTES);
    return { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), windowId: 0, wordOffset: 0 };
  };
  const segments = [region(), region()];
  const records: number[] = [];
  const reactor = { addWatch: () => ({ seenIndex: 0 }), removeWatch() {}, setSeen() {} };
  const never = () => false;
  const nothing = () => {};
  const owner = {
    ...{ answered: never, redirected: never, moved: nothing },
    ...{ spaceMade: nothing, peerClosed: nothing, received: nothing, receiveFailed: nothing },
  };
  const [writer, reader] = [0, 1].map((side) => {
    const link = {
      own: segments[side],
      peer: segments[1 - side],
      reactor,
      slots: { take: () => -1, give() {} },
      news() {},
      poll() {},
      record: (type: number) => records.push(type),
      distrust(error: unknown) {
        throw error;
      },
    };
    return new ShmConnection(link as unknown as Link, 0, owner);
  }) as [ShmConnection, ShmConnection];
  return { writer, reader, records, words: segments[0].words };
}

describe('a blocked producer', () => {
  // Found by the model `ring` (test/models): the reader moves on at two moments of one failing claim.
  it('goes on though its second look publishes padding while the reader empties the ring', () => {
    const { writer, reader, records, words } = makeEnds();
    const out = {} as WsaBuffer;
    // Two fill the ring up to a place where a third needs a wrap.
    const payload = (SLOT_CLASS0_BYTES * 3) / 8 - 8;
    const read = () => {
      reader.post({} as Overlapped);
      reader.sweep(false);
    };
    for (let i = 0; i < 2; i++) {
      expect(writer.claim(payload, payload, out)).toBe(NO_ERROR);
      writer.send(payload);
    }
    const moments: string[] = [];
    /** Lets the reader read when the writer's word is about to be changed, once, in the given order. */
    const readBefore = (call: 'add' | 'store', word: number, moment: string, turn: number) => {
      const real = Atomics[call] as (array: Int32Array, index: number, value: number) => number;
      const hook: typeof real = (array, index, value) => {
        if (array === words && index === cellWord(0) + word && moments.length === turn) {
          moments.push(moment);
          read();
        }
        return real(array, index, value);
      };
      vi.spyOn(Atomics, call).mockImplementation(hook as never);
    };
    readBefore('add', CELL_BLOCKED_SEQ_WORD, 'between the looks', 0);
    readBefore('store', CELL_PROD_WORD, 'before the padding is seen', 1);
    const code = writer.claim(payload, payload, out);
    expect(moments).toEqual(['between the looks', 'before the padding is seen']);
    // The reader finds the padding, and leaves the polled set.
    read();
    reader.stopWatch();
    if (code === NO_ERROR) return;
    expect(code).toBe(WSAEWOULDBLOCK);
    expect(records).toContain(RECORD_LINK_SPACE);
  });
});
