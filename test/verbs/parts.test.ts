import { expect, it } from 'vitest';
import {
  VERBS_COOKIE_MAX,
  VERBS_REFUSED_BACKLOG,
  VERBS_SAYS_CONNECT,
  VERBS_SAYS_REFUSE,
} from '#src/layout/layout.gen.js';
import { Absences } from '#src/providers/verbs/absences.js';
import { SlotArena } from '#src/providers/verbs/arena.js';
import { decodeGreeting, encodeGreeting } from '#src/providers/verbs/greeting.js';
import { PostedSlots } from '#src/providers/verbs/receives.js';
import { Work, WorkQueue } from '#src/providers/verbs/work-queue.js';

it('[WSD-3.5] where nobody listens is remembered for five seconds, by address and port', () => {
  let nowMs = 0;
  const absences = new Absences(() => nowMs);
  absences.noListener('10.0.0.1', 80);
  expect(absences.reasonFor('10.0.0.1', 80)).toBe('no-listener');
  expect(absences.reasonFor('10.0.0.1', 81)).toBeNull();
  expect(absences.reasonFor('10.0.0.2', 80)).toBeNull();
  nowMs = 4_999;
  expect(absences.reasonFor('10.0.0.1', 80)).toBe('no-listener');
  nowMs = 5_000;
  expect(absences.reasonFor('10.0.0.1', 80)).toBeNull();
});

it('[WSD-3.5] a host that does not answer is left alone for a minute; one that has answered before only for five seconds', () => {
  let nowMs = 0;
  const absences = new Absences(() => nowMs);
  absences.silent('10.0.0.1', 80, 'host-silent');
  expect(absences.reasonFor('10.0.0.1', 81)).toBe('host-silent');
  absences.answered('10.0.0.2');
  absences.silent('10.0.0.2', 80, 'host-silent');
  expect(absences.reasonFor('10.0.0.2', 80)).toBe('host-silent');
  expect(absences.reasonFor('10.0.0.2', 81)).toBeNull();
  nowMs = 5_000;
  expect(absences.reasonFor('10.0.0.2', 80)).toBeNull();
  nowMs = 59_999;
  expect(absences.reasonFor('10.0.0.1', 80)).toBe('host-silent');
  nowMs = 60_000;
  expect(absences.reasonFor('10.0.0.1', 80)).toBeNull();
});

it('[WSD-3.5] an answer, and a change of the network, end a silence; the memory is bounded', () => {
  const absences = new Absences(() => 0);
  absences.silent('10.0.0.1', 80, 'host-silent');
  absences.answered('10.0.0.1');
  expect(absences.reasonFor('10.0.0.1', 80)).toBeNull();
  absences.noListener('10.0.0.2', 1);
  absences.forget();
  expect(absences.reasonFor('10.0.0.2', 1)).toBeNull();
  for (let port = 1; port <= 3_000; port++) absences.noListener('10.0.0.3', port);
  expect(absences.reasonFor('10.0.0.3', 1)).toBeNull();
  expect(absences.reasonFor('10.0.0.3', 3_000)).toBe('no-listener');
});

it('a greeting is read only as what it is', () => {
  const bytes = new Uint8Array(56);
  bytes.set(encodeGreeting(VERBS_SAYS_CONNECT, 0, 8_192));
  expect(decodeGreeting(bytes, VERBS_SAYS_CONNECT)).toEqual({ reason: 0, messageBytes: 8_192 });
  expect(decodeGreeting(bytes, VERBS_SAYS_REFUSE)).toBeNull();
  const refusal = encodeGreeting(VERBS_SAYS_REFUSE, VERBS_REFUSED_BACKLOG, 0);
  expect(decodeGreeting(refusal, VERBS_SAYS_REFUSE)).toEqual({ reason: VERBS_REFUSED_BACKLOG, messageBytes: 0 });
  expect(decodeGreeting(encodeGreeting(VERBS_SAYS_CONNECT, 0, 255), VERBS_SAYS_CONNECT)).toBeNull();
  for (let length = 0; length < 12; length++) {
    expect(decodeGreeting(bytes.subarray(0, length), VERBS_SAYS_CONNECT)).toBeNull();
  }
  for (let at = 0; at < 7; at++) {
    const other = bytes.slice();
    other[at] ^= 0x40;
    expect(decodeGreeting(other, VERBS_SAYS_CONNECT)).toBeNull();
  }
});

it('an arena lends each slot once, the last given back first', () => {
  const arena = new SlotArena(1_024, 64, 4);
  expect([arena.take(), arena.take(), arena.take(), arena.take(), arena.take()]).toEqual([0, 1, 2, 3, -1]);
  arena.give(2);
  arena.give(0);
  expect(arena.free).toBe(2);
  expect([arena.take(), arena.take(), arena.take()]).toEqual([0, 2, -1]);
  expect(arena.offsetOf(3)).toBe(1_024 + 3 * 64);
});

it('posted slots are found again in any order, and none twice', () => {
  const arena = new SlotArena(0, 64, 8);
  const posted = new PostedSlots(arena, 4);
  const others = new PostedSlots(arena, 4);
  for (let i = 0; i < 4; i++) posted.add(arena.take());
  others.add(arena.take());
  expect(posted.remove(1)).toBe(true);
  expect(posted.remove(1)).toBe(false);
  expect(posted.remove(4)).toBe(false);
  expect(posted.remove(3)).toBe(true);
  expect(posted.remove(0)).toBe(true);
  posted.add(1);
  expect(posted.length).toBe(2);
  posted.giveBack();
  expect(arena.free).toBe(8 - 5 + 2);
  expect(others.remove(4)).toBe(true);
});

it('a work queue keeps order, and its cookies run on past their end', () => {
  const queue = new WorkQueue();
  queue.nextCookie = VERBS_COOKIE_MAX - 1;
  const cookies = [1, 2, 3, 4].map((bytes) => queue.push(new Work(1, null, bytes)));
  expect(cookies).toEqual([VERBS_COOKIE_MAX - 1, VERBS_COOKIE_MAX, 0, 1]);
  expect(cookies.map((cookie) => queue.has(cookie))).toEqual([true, true, true, true]);
  expect(queue.has(2)).toBe(false);
  expect([queue.shift()?.bytes, queue.shift()?.bytes]).toEqual([1, 2]);
  expect(queue.has(VERBS_COOKIE_MAX)).toBe(false);
  expect([queue.shift()?.bytes, queue.shift()?.bytes, queue.shift()]).toEqual([3, 4, null]);
  expect([queue.length, queue.has(2)]).toEqual([0, false]);
});
