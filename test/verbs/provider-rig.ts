/** Two providers in this thread that reach each other over the fake libraries, and what a test looks at. */

import { NO_ERROR } from 'sanswitch/spi';
import { expect } from 'vitest';
import { VERBS_SLOT_COUNT } from '#src/layout/layout.gen.js';
import type { VerbsProvider } from '#src/providers/verbs/provider.js';
import type { Endpoint, Harness } from '../conformance/harness.js';
import { Rig } from '../conformance/rig.js';
import { verbs } from '../conformance/verbs-subject.js';

/** A provider that listens and one that connects. Without `client` the one does both. */
export class ProviderRig {
  readonly server: Rig;
  readonly client: Rig;
  readonly providers: readonly [server: VerbsProvider, client: VerbsProvider];

  private constructor(server: Rig, client: Rig, providers: readonly [VerbsProvider, VerbsProvider]) {
    this.server = server;
    this.client = client;
    this.providers = providers;
  }

  /** Starts both; the options are beside those with which they reach each other. */
  static async start(serverOptions: object = {}, clientOptions: object = {}): Promise<ProviderRig> {
    const subjects = [verbs({ ...serverOptions }), verbs({ ...clientOptions })] as const;
    const rigs = subjects.map((subject) => new Rig(subject)) as [Rig, Rig];
    for (const rig of rigs) await rig.start();
    return new ProviderRig(...rigs, [subjects[0].provider, subjects[1].provider]);
  }

  /** Everything has gone back, and no rule was broken. */
  async stop(): Promise<void> {
    for (const rig of [this.client, this.server]) {
      await rig.stop();
      expect(rig.harness.breaches).toEqual([]);
    }
  }

  get harness(): Harness {
    return this.client.harness;
  }

  /** `near` is the client's. */
  async connected(): Promise<{ near: Endpoint; far: Endpoint; port: number; listener: Endpoint }> {
    const { listener, port } = await this.server.listening();
    const near = this.client.connecting(port);
    const far = await this.server.accepted(listener);
    await this.harness.until('the connect', () => near.connects.length > 0);
    expect(near.connects).toEqual([NO_ERROR]);
    return { near, far, port, listener };
  }

  /** Slots of each arena that are in use. */
  get slotsInUse(): [server: number, client: number] {
    const [server, client] = this.providers.map(({ engine }) => VERBS_SLOT_COUNT - engine.arena.free) as [
      number,
      number,
    ];
    return [server, client];
  }
}

/** How a connect went: code, reason, and how long it took. */
export async function connectOutcome(
  rig: Rig,
  address: string,
  port: number,
  from = '127.0.0.1',
): Promise<{ code: number; reason: string; tookMs: number }> {
  const endpoint = rig.harness.socket();
  const beganMs = performance.now();
  const { spi } = rig.harness;
  let outcome: { code: number; reason: string } | null = null;
  spi.WSPEventSelect(
    endpoint.socket,
    {
      set() {
        setImmediate(() => {
          const { connectError, connectReason } = spi.WSPEnumNetworkEvents(endpoint.socket);
          outcome = { code: connectError, reason: connectReason ?? '' };
        });
      },
    },
    0x10,
  );
  spi.WSPBind(endpoint.socket, { family: 4, address: from, port: nextPort++ });
  spi.WSPConnect(endpoint.socket, { family: 4, address, port });
  await rig.harness.until('the outcome', () => outcome !== null);
  const tookMs = performance.now() - beganMs;
  rig.harness.close(endpoint.socket);
  return { ...(outcome as unknown as { code: number; reason: string }), tookMs };
}

let nextPort = 30_000;
