/**
 * The end of a host, as the whole runtime sees it. What a host has told another one may have consequences of which only that
 * one can tell: a connection that it gave away just before it died is not lost with it. So what a thread knows of a dead
 * host is complete when all others have handled what that host had told them, and have told what follows from it.
 */
import type { Gate } from './gate.js';

declare module './gate.js' {
  interface GateSubjects {
    /** Answer when that host's end has been seen, and before it all that it had told. */
    'end-asked': { readonly host: number };
    /** It has been seen. */
    'end-seen': { readonly host: number };
  }
}

interface Vigil {
  readonly host: number;
  /** Who has not answered yet. */
  readonly peers: Set<number>;
  readonly done: () => void;
}

/** One thread's part in that. */
export class LastWords {
  private readonly gate: Gate;
  private readonly unlinked: (host: number) => Promise<void>;
  private readonly vigils = new Set<Vigil>();

  /** @param unlinked when that host's end has been seen on this thread, and before it all that it had told */
  constructor(gate: Gate, unlinked: (host: number) => Promise<void>) {
    this.gate = gate;
    this.unlinked = unlinked;
    gate.handle('end-asked', (peer, { host }) => void unlinked(host).then(() => gate.tell(peer, 'end-seen', { host })));
    gate.handle('end-seen', (peer, { host }) => this.answered(peer, host));
    gate.watch((peer) => this.answered(peer, null));
  }

  /** When this thread and those of `peers` that live have handled all that a dead host had told. Never rejects. */
  async heard(host: number, peers: readonly number[]): Promise<void> {
    await this.unlinked(host);
    const asked = peers.filter((peer) => this.gate.tell(peer, 'end-asked', { host }));
    if (asked.length === 0) return;
    await new Promise<void>((done) => this.vigils.add({ host, peers: new Set(asked), done }));
  }

  /** @param host null: the peer has ended itself, and answers nothing any more */
  private answered(peer: number, host: number | null): void {
    for (const vigil of this.vigils) {
      if ((host !== null && vigil.host !== host) || !vigil.peers.delete(peer) || vigil.peers.size > 0) continue;
      this.vigils.delete(vigil);
      vigil.done();
    }
  }
}
