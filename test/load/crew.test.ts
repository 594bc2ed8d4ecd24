/** One worker's share of a run, with servers that do exactly what a test wants of them: real clients, on sockets that are none. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Client, ClientEvents } from '#src/load/clients/client.js';
import { EchoClient } from '#src/load/clients/echo.js';
import { HttpClient } from '#src/load/clients/http.js';
import type { Connector } from '#src/load/connector.js';
import { Crew, type CrewNote } from '#src/load/crew.js';
import type { RunPlan } from '#src/load/plan.js';
import type { SecondNote } from '#src/load/recorder.js';
import { planOf } from './plans.js';

/** A connection's server side: told of what is sent, it answers when it likes. */
class FakeSocket {
  readonly provider = 'fake';
  readonly decision = { candidates: [] };
  handlers!: {
    received(socket: unknown, bytes: Uint8Array): void;
    closed(socket: unknown, error: Error | null): void;
  };
  isAborted = false;
  private readonly served: (socket: FakeSocket, bytes: number) => void;

  constructor(served: (socket: FakeSocket, bytes: number) => void) {
    this.served = served;
  }

  send(bytes: Uint8Array): boolean {
    if (this.isAborted) throw new Error('sent on a connection that has been given up');
    this.served(this, bytes.length);
    return true;
  }

  answer(text: string): void {
    if (!this.isAborted) this.handlers.received(this, Buffer.from(text));
  }

  /** The server is gone. */
  reset(): void {
    const error = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    if (!this.isAborted) this.handlers.closed(this, error);
    this.isAborted = true;
  }

  abort(): void {
    this.isAborted = true;
  }
}

type Open = (events: ClientEvents) => Promise<Client>;

const crews: Crew[] = [];
afterEach(() => {
  for (const crew of crews.splice(0)) crew.close();
});

function crewOf(plan: RunPlan, open: Open): { crew: Crew; seconds: SecondNote[] } {
  const seconds: SecondNote[] = [];
  const crew = new Crew(plan, { open } as unknown as Connector, (note) => seconds.push(note));
  crews.push(crew);
  return { crew, seconds };
}

const PAYLOAD = new Uint8Array(64);

/** Connections whose server does this with what it is sent. */
function echo(plan: RunPlan, served: (socket: FakeSocket, bytes: number) => void, made: FakeSocket[] = []): Open {
  return async (events) => {
    const socket = new FakeSocket(served);
    made.push(socket);
    return new EchoClient(socket as never, events, plan.inFlight, PAYLOAD);
  };
}

function http(plan: RunPlan, served: (socket: FakeSocket) => void): Open {
  return async (events) => new HttpClient(new FakeSocket(served) as never, events, plan.inFlight, plan.target);
}

const soon = (socket: FakeSocket, text: string, ms = 0) => setTimeout(() => socket.answer(text), ms);

function expectConsistent(note: CrewNote, seconds: readonly SecondNote[]): void {
  expect(note.completed + note.failed).toBe(note.started);
  const sum = (pick: (second: SecondNote) => number) => seconds.reduce((total, second) => total + pick(second), 0);
  expect(sum(({ started }) => started)).toBe(note.started);
  expect(sum(({ completed }) => completed)).toBe(note.completed);
  expect(sum(({ failed }) => failed)).toBe(note.failed);
  expect(seconds.map(({ second }) => second)).toEqual(seconds.map((_, i) => i));
}

describe('a server that ends connections', () => {
  const CLOSING = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

  it('after each answer, as it said, costs reconnects and nothing else', async () => {
    const plan = planOf({ protocol: 'http', duration_ms: 300 });
    const { crew, seconds } = crewOf(
      plan,
      http(plan, (socket) => soon(socket, CLOSING)),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note).toMatchObject({ failed: 0, errors: {}, lost: null });
    // It is had again at once: a delay of 50 ms would leave six.
    expect(note.completed).toBeGreaterThan(20);
    expect(note.reconnects).toBeGreaterThanOrEqual(note.completed - 1);
  });

  it('and does not answer what it has been asked behind that', async () => {
    const plan = planOf({ protocol: 'http', inFlight: 4, duration_ms: 200 });
    let asked = 0;
    const { crew, seconds } = crewOf(
      plan,
      http(plan, (socket) => {
        if (++asked % 4 === 0) soon(socket, CLOSING);
      }),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.failed).toBe(3 * note.completed);
    expect(note.errors).toEqual({ ECLOSED: note.failed });
  });

  it('and answers more behind that: it counts for nothing', async () => {
    const plan = planOf({ protocol: 'http', inFlight: 2, duration_ms: 200 });
    let asked = 0;
    const { crew, seconds } = crewOf(
      plan,
      http(plan, (socket) => {
        if (++asked % 2 === 0) soon(socket, CLOSING.repeat(3));
      }),
    );
    await crew.connect();
    expectConsistent(await crew.run(), seconds);
  });

  it('as soon as it has them is no server', async () => {
    const plan = planOf({ connections: 2 });
    let opened = 0;
    const { crew } = crewOf(plan, async (events) => {
      opened += 1;
      const socket = new FakeSocket(() => {});
      const client = new EchoClient(socket as never, events, 1, PAYLOAD);
      if (opened === 1) socket.reset();
      return client;
    });
    await expect(crew.connect()).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  it('mid-run, as soon as it has them, is tried again until patience ends', async () => {
    const plan = planOf({ duration_ms: 5_000, patience_ms: 400 });
    const made: FakeSocket[] = [];
    const { crew, seconds } = crewOf(plan, async (events) => {
      const socket = new FakeSocket((one, bytes) => soon(one, 'x'.repeat(bytes)));
      const client = new EchoClient(socket as never, events, 1, PAYLOAD);
      made.push(socket);
      if (made.length > 1) socket.reset();
      return client;
    });
    await crew.connect();
    setTimeout(() => made[0]?.reset(), 100);
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.lost).toBe('ECLOSED');
    expect(note.measured_ms).toBeLessThan(4_000);
  });

  it('before the run begins gets another in time', async () => {
    const plan = planOf({ duration_ms: 300 });
    const made: FakeSocket[] = [];
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes)), made),
    );
    await crew.connect();
    made[0]?.reset();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.completed).toBeGreaterThan(0);
  });

  it('and gives another after a while: what waited meanwhile is not late by the fault of the generator', async () => {
    const plan = planOf({ rate_per_s: 500, inFlight: 512, duration_ms: 1_000, lateTolerance_ms: 100 });
    const made: FakeSocket[] = [];
    const open = echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes)), made);
    const { crew, seconds } = crewOf(plan, async (events) => {
      if (made.length > 0) await new Promise((resolve) => setTimeout(resolve, 400));
      return open(events);
    });
    await crew.connect();
    setTimeout(() => made[0]?.reset(), 200);
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.reconnects).toBe(1);
    expect(note.started).toBeGreaterThan(450);
    expect(note.late).toBeLessThan(note.started * 0.05);
    expect(note.corrected.max).toBeGreaterThan(350e6);
  });
});

describe('a server that is slow', () => {
  it('with its first answer does not stop an open loop', async () => {
    const plan = planOf({ rate_per_s: 1_000, duration_ms: 400 });
    let asked = 0;
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, (socket, bytes) => {
        asked += 1;
        if (asked === 1) soon(socket, 'x'.repeat(bytes), 30);
        else queueMicrotask(() => socket.answer('x'.repeat(bytes)));
      }),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.started + note.neverBegun).toBeGreaterThanOrEqual(399);
    expect(note.neverBegun).toBeLessThan(40);
  });

  it('has its time counted where a number of requests ends the run', async () => {
    const plan = planOf({ requests: 8, inFlight: 8, duration_ms: 10_000 });
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes), 200)),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note).toMatchObject({ started: 8, completed: 8 });
    expect(note.measured_ms).toBeGreaterThan(195);
    expect(note.measured_ms).toBeLessThan(2_000);
  });

  it('and never answers is told in each second, and at the end', async () => {
    const plan = planOf({ rate_per_s: 50, inFlight: 4, duration_ms: 2_500, warmup_ms: 200, patience_ms: 100 });
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, () => {}),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(seconds).toHaveLength(3);
    // All places were taken in the warm-up: what is measured never began.
    expect(note).toMatchObject({ started: 0, completed: 0, failed: 0, errors: { ETIMEDOUT: 1 }, neverBegun: 125 });
    expect(note.corrected.max).toBeGreaterThan(2_400e6);
  });

  it('leaves no more undone than were to be done', async () => {
    const plan = planOf({ rate_per_s: 1_000, requests: 10, inFlight: 2, duration_ms: 300, patience_ms: 100 });
    const { crew } = crewOf(
      plan,
      echo(plan, () => {}),
    );
    await crew.connect();
    expect(await crew.run()).toMatchObject({ started: 2, failed: 2, neverBegun: 8, errors: { ETIMEDOUT: 2 } });
  });
});

describe('a run', () => {
  it.each([1, 7, 100])('of %i requests begins no more and no fewer', async (requests) => {
    for (const rate_per_s of [null, 2_000]) {
      const plan = planOf({ requests, rate_per_s, inFlight: 3, warmup_ms: 50, duration_ms: 20_000 });
      const { crew, seconds } = crewOf(
        plan,
        echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes))),
      );
      await crew.connect();
      const note = await crew.run();
      expectConsistent(note, seconds);
      expect(note).toMatchObject({ started: requests, completed: requests, neverBegun: 0 });
    }
  });

  it('whose end the generator itself has slept through begins what was due, and is late', async () => {
    const plan = planOf({ rate_per_s: 2_000, inFlight: 256, duration_ms: 300 });
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes))),
    );
    await crew.connect();
    setTimeout(() => {
      const end_ms = performance.now() + 100;
      while (performance.now() < end_ms);
    }, 240);
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note).toMatchObject({ failed: 0, neverBegun: 0 });
    expect(note.started).toBeGreaterThanOrEqual(599);
    expect(note.late).toBeGreaterThan(80);
  });

  it('that is stopped before it begins does not begin', async () => {
    const plan = planOf({ duration_ms: 10_000 });
    const { crew } = crewOf(
      plan,
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes))),
    );
    await crew.connect();
    crew.stop();
    expect(await crew.run()).toMatchObject({ started: 0, measured_ms: 0 });
  });

  // A machine that is busy with other things may come to it late: a figure that they spoil is taken anew.
  it.each([100, 1_300])('that is stopped after %i ms has been that long', { retry: 3 }, async (after_ms) => {
    const plan = planOf({ duration_ms: 60_000 });
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes))),
    );
    await crew.connect();
    setTimeout(() => crew.stop(), after_ms);
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.measured_ms).toBeGreaterThan(after_ms - 1);
    expect(note.measured_ms).toBeLessThan(after_ms + 1_000);
    expect(note.completed).toBeGreaterThan(0);
  });

  it('whose server answers more than was asked gives the connection up', async () => {
    const plan = planOf({ duration_ms: 300 });
    const { crew, seconds } = crewOf(
      plan,
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes + 1))),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.completed).toBe(0);
    expect(note.errors).toEqual({ EMSGSIZE: note.failed });
    expect(note.reconnects).toBeGreaterThan(0);
  });

  it('has no latency of what was asked in the warm-up', async () => {
    const plan = planOf({ rate_per_s: 500, inFlight: 8, warmup_ms: 200, duration_ms: 300 });
    let asked = 0;
    const { crew, seconds } = crewOf(
      plan,
      // Those of the warm-up take 150 ms, and some of them are answered when it is over.
      echo(plan, (socket, bytes) => soon(socket, 'x'.repeat(bytes), ++asked <= 8 ? 210 : 0)),
    );
    await crew.connect();
    const note = await crew.run();
    expectConsistent(note, seconds);
    expect(note.raw.max).toBeLessThan(150e6);
    expect(note.started + note.neverBegun).toBeGreaterThanOrEqual(149);
  });
});
