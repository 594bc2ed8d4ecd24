/** The metrics of `sanswitch/prometheus`, read as Prometheus reads them. */
import { Registry, register } from 'prom-client';
import { createSwitch, defineActor, type Switch } from 'sanswitch';
import { type PrometheusOptions, prometheus } from 'sanswitch/prometheus';
import { afterEach, describe, expect, it } from 'vitest';
import { portOf, serve } from '../actor/runtime-clients.js';
import { moduleUrl, runtimeOf, until } from '../actor/runtimes.js';
import type Hand from '../fixtures/actors/hand.js';

const HAND = moduleUrl('hand');
const switches = new Set<Switch>();

async function switchOf(): Promise<Switch> {
  const sw = await createSwitch({ providers: ['shm!'] });
  switches.add(sw);
  return sw;
}

afterEach(async () => {
  await Promise.all([...switches].map((sw) => sw.close()));
  switches.clear();
});

/** The samples of one scrape: values by `name{label="value",...}`. */
async function scrape(registry: Registry): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** What a registry says with a runtime or switches in it. */
function metricsOf(options: PrometheusOptions) {
  const registry = new Registry();
  const metrics = prometheus({ ...options, registry });
  return { registry, metrics, scrape: () => scrape(registry) };
}

describe('a runtime', () => {
  it('says what its threads count, and each scrape anew', async () => {
    const runtime = await runtimeOf();
    const { scrape } = metricsOf({ runtime });
    expect((await scrape()).get('sanswitch_actors{thread="worker-1"}')).toBe(0);
    const ref = await runtime.spawn<typeof Hand>(HAND, { label: 'hand' }, { worker: 1 });
    for (let i = 0; i < 3; i++) await ref.ask((replyTo) => ({ do: 'echo', value: i, replyTo }));
    const samples = await scrape();
    expect(samples.get('sanswitch_actors{thread="worker-1"}')).toBe(1);
    expect(samples.get('sanswitch_actors_spawned_total{thread="worker-1"}')).toBe(1);
    expect(samples.get('sanswitch_messages_handled_total{thread="worker-1"}')).toBe(3);
    expect(samples.get('sanswitch_mail_received_total{thread="worker-1",peer="main"}')).toBeGreaterThanOrEqual(3);
    expect(samples.get('sanswitch_mail_sent_total{thread="main",peer="worker-1"}')).toBeGreaterThanOrEqual(3);
    expect(samples.get('sanswitch_poller_polls_total{thread="worker-1"}')).toBeGreaterThan(0);
    expect(samples.get('sanswitch_worker_up{thread="worker-0"}')).toBe(1);
    expect(samples.get('sanswitch_event_loop_active_seconds_total{thread="main"}')).toBeGreaterThan(0);
    expect([...samples.keys()].filter((key) => key.includes('actor_mailbox_depth'))).toEqual([]);
    expect([...(await scrape()).keys()]).toEqual([...samples.keys()]);
  });

  it('says what the rebalancer has done', async () => {
    const real = await runtimeOf({ workers: 1 });
    const stats = async () => ({ ...(await real.stats()), rebalance: { looks: 9, moves: 3, failures: 1 } });
    const samples = await metricsOf({ runtime: { stats } }).scrape();
    expect(samples.get('sanswitch_rebalance_moves_total')).toBe(3);
    expect(samples.get('sanswitch_rebalance_failures_total')).toBe(1);
  });

  it('every actor, if they are asked for, and none that has ended', async () => {
    const runtime = await runtimeOf();
    const { scrape } = metricsOf({ runtime, perActor: true });
    const ref = await runtime.spawn(
      defineActor<string, void>(() => () => {}),
      undefined,
      { name: 'a "quoted" name' },
    );
    ref.tell('once');
    const own = [`thread="main",actor="${ref.address}"`, `name="a \\"quoted\\" name"`].join(',');
    await until('it was handled', async () => (await scrape()).get(`sanswitch_actor_handled_total{${own}}`) === 1);
    expect((await scrape()).get(`sanswitch_actor_mailbox_depth{${own}}`)).toBe(0);
    runtime.stop(ref);
    await until('it has ended', async () => !(await scrape()).has(`sanswitch_actor_handled_total{${own}}`));
  });

  it('a worker that does not answer is left out, and one that comes back counts from zero', async () => {
    const runtime = await runtimeOf({ workers: 1 });
    const { scrape } = metricsOf({ runtime });
    const ref = await runtime.spawn<typeof Hand>(HAND, { label: 'hand' });
    ref.tell({ do: 'block', ms: 10_000 });
    let stalled = await scrape();
    await until('it does not answer', async () => {
      stalled = await scrape();
      return !stalled.has('sanswitch_actors{thread="worker-0"}');
    });
    expect(stalled.get('sanswitch_actors{thread="main"}')).toBe(0);
    runtime.terminateWorker(0);
    const worker = 'thread="worker-0"';
    await until('it is back', async () => {
      const samples = await scrape();
      return (
        samples.get(`sanswitch_worker_deaths_total{${worker}}`) === 1 && samples.has(`sanswitch_actors{${worker}}`)
      );
    });
    const back = await scrape();
    expect(back.get(`sanswitch_worker_up{${worker}}`)).toBe(1);
    expect(back.get(`sanswitch_actors_spawned_total{${worker}}`)).toBe(0);
  });

  it('says what its listeners and the switches of its threads count', async () => {
    const runtime = await runtimeOf({ providers: ['shm!'] });
    const { scrape } = metricsOf({ runtime, perActor: true });
    const listener = await serve(runtime, { maxConnections: 2 });
    const sw = await switchOf();
    const connect = () => sw.connect({ host: '127.0.0.1', port: portOf(listener) });
    const [one] = [await connect(), await connect()];
    await expect(connect()).rejects.toThrow();
    one.send(new Uint8Array(1000));
    await one.receive();
    const own = `listener="127.0.0.1:${portOf(listener)}"`;
    const samples = await scrape();
    expect(samples.get(`sanswitch_listener_connections{${own}}`)).toBe(2);
    expect(samples.get(`sanswitch_listener_turned_away_total{${own},reason="max-connections"}`)).toBe(1);
    expect(samples.get(`sanswitch_listener_tcp_accepts_total{${own}}`)).toBe(0);
    const sum = (name: string) =>
      [0, 1].reduce((total, i) => total + (samples.get(`${name}{switch="worker-${i}",provider="shm"}`) ?? 0), 0);
    const received = [...samples].filter(([key]) => key.startsWith('sanswitch_actor_received_bytes_total'));
    expect(received.map(([, bytes]) => bytes).sort()).toEqual([0, 1000]);
    expect(sum('sanswitch_connections')).toBe(2);
    expect(sum('sanswitch_received_bytes_total')).toBe(1000);
    expect(samples.get('sanswitch_listeners{switch="main"}')).toBe(1);
  });

  it('one scrape takes one snapshot, and a failure of it fails that scrape alone', async () => {
    let asked = 0;
    const real = await runtimeOf({ workers: 1 });
    const runtime = {
      async stats() {
        asked += 1;
        if (asked === 2) throw new Error('no counters today');
        return real.stats();
      },
    };
    const { scrape } = metricsOf({ runtime });
    await scrape();
    expect(asked).toBe(1);
    await expect(scrape()).rejects.toThrow('no counters today');
    expect((await scrape()).get('sanswitch_worker_up{thread="worker-0"}')).toBe(1);
    expect(asked).toBe(3);
  });
});

describe('switches', () => {
  it('say what each of their providers counts', async () => {
    const [server, client] = await Promise.all([switchOf(), switchOf()]);
    const { scrape } = metricsOf({ switches: { server, client } });
    let received = 0;
    const listener = await server.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      socket.handlers = {
        received: (_socket, bytes) => {
          received += bytes.length;
        },
      };
    });
    const socket = await client.connect({ host: '127.0.0.1', port: listener.address().port });
    socket.send(new Uint8Array(1000));
    await until('the bytes have come', () => received === 1000);
    const samples = await scrape();
    expect(samples.get('sanswitch_connections{switch="server",provider="shm"}')).toBe(1);
    expect(samples.get('sanswitch_accepts_total{switch="server",provider="shm"}')).toBe(1);
    expect(samples.get('sanswitch_connects_total{switch="client",provider="shm"}')).toBe(1);
    expect(samples.get('sanswitch_received_bytes_total{switch="server",provider="shm"}')).toBe(1000);
    expect(samples.get('sanswitch_sent_bytes_total{switch="client",provider="shm"}')).toBe(1000);
    expect(samples.get('sanswitch_listeners{switch="server"}')).toBe(1);
    const decisions = [...samples.keys()].filter((key) => key.startsWith('sanswitch_decisions_total'));
    expect(decisions).toContainEqual(
      expect.stringMatching(/\{switch="client",provider="shm",outcome="chosen",reason=/),
    );
  });

  it('name who was refused and why, whatever the provider is called', async () => {
    const sw = {
      stats: () => ({
        providers: { 'my:own': { ...zeroes, refusals: { 'open:too-late': 2 } } },
        decisions: { 'my:own:failed:no-route': 3 },
        listeners: 0,
      }),
    };
    const samples = await metricsOf({ switches: { main: sw } }).scrape();
    const own = 'switch="main",provider="my:own"';
    expect(samples.get(`sanswitch_refusals_total{${own},what="open",reason="too-late"}`)).toBe(2);
    expect(samples.get(`sanswitch_decisions_total{${own},outcome="failed",reason="no-route"}`)).toBe(3);
  });
});

const zeroes = {
  connects: 0,
  accepts: 0,
  rejects: 0,
  connectFailures: 0,
  acceptFailures: 0,
  handedOver: 0,
  adopted: 0,
  completions: 0,
  faults: 0,
  breaches: 0,
  open: 0,
  bytesSent: 0,
  bytesReceived: 0,
  bytesCopiedSent: 0,
  bytesCopiedReceived: 0,
  largeSendsCopied: 0,
};

describe('the registry', () => {
  const sw = { stats: () => ({ providers: {}, decisions: {}, listeners: 7 }) };

  it("is prom-client's own by default, until the metrics are removed", async () => {
    const metrics = prometheus({ switches: { main: sw } });
    expect((await scrape(register)).get('sanswitch_listeners{switch="main"}')).toBe(7);
    metrics.remove();
    metrics.remove();
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it('holds the metrics once, and twice under two prefixes', async () => {
    const { registry, scrape } = metricsOf({ switches: { main: sw } });
    const before = [...(await scrape()).keys()];
    expect(() => prometheus({ switches: { other: sw }, registry })).toThrow(/sanswitch_connections.*already/);
    expect([...(await scrape()).keys()]).toEqual(before);
    prometheus({ switches: { other: sw }, registry, prefix: 'other_' });
    expect((await scrape()).get('other_listeners{switch="other"}')).toBe(7);
  });

  it('of OpenMetrics gets them as well', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const counted = { ...sw.stats(), decisions: { 'shm:chosen:served': 4 } };
    prometheus({ switches: { main: { stats: () => counted } }, registry });
    const text = await registry.metrics();
    expect(text).toContain(
      'sanswitch_decisions_total{switch="main",provider="shm",outcome="chosen",reason="served"} 4\n',
    );
    expect(text).toMatch(/# EOF\n$/);
  });
});

describe('bad input', () => {
  const sw = { stats: () => ({ providers: {}, decisions: {}, listeners: 0 }) };
  const cases: readonly [string, unknown, RegExp][] = [
    ['nothing to watch', {}, /a runtime or a switch is wanted/],
    ['no object', 5, /must be an object/],
    ['an unknown option', { switches: { main: sw }, perActors: true }, /no `perActors`/],
    ['a runtime without counters', { runtime: {} }, /runtime must be something that has stats\(\)/],
    ['a switch without counters', { switches: { main: null } }, /switches\.main must be/],
    ['a list of switches', { switches: [sw] }, /switches must be an object/],
    ['a prefix that is no name', { switches: { main: sw }, prefix: '9-' }, /prefix must be/],
  ];
  it.each(cases)('%s is one clear error', (_what, options, message) => {
    expect(() => prometheus(options as PrometheusOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_SANSWITCH_INVALID_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
