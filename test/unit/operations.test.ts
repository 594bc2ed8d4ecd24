import { type CompletionSink, hasOverlappedIoCompleted, type Overlapped, WSA_IO_PENDING } from 'sanswitch/spi';
import { expect, it } from 'vitest';
import { returnOperation, takeOperation } from '#src/switch/session/operations.js';

const sinkOf = (): CompletionSink => ({ completed() {} });

it('operations are used again, by whoever comes next, and belong to nobody meanwhile', () => {
  const [first, second] = [sinkOf(), sinkOf()];
  const operation = takeOperation(first);
  expect(operation.sink).toBe(first);
  operation.internal = WSA_IO_PENDING;
  returnOperation(operation);
  expect(operation.sink).not.toBe(first);
  expect(hasOverlappedIoCompleted(operation)).toBe(true);
  const again = takeOperation(second);
  expect(again).toBe(operation);
  expect(again.sink).toBe(second);
});

it('no operation is under way twice, and few are kept', () => {
  const sink = sinkOf();
  const many = Array.from({ length: 2_000 }, () => takeOperation(sink));
  expect(new Set(many).size).toBe(many.length);
  for (const operation of many) returnOperation(operation);
  const others = Array.from({ length: 2_000 }, () => takeOperation(sink));
  expect(new Set(others).size).toBe(others.length);
  const kept = new Set<Overlapped>(many);
  expect(others.filter((operation) => kept.has(operation))).toHaveLength(256);
});
