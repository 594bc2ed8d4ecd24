/**
 * The concern `delay`: completions and events come later, when a scheduler says. Within a socket the receives keep their
 * order among themselves, and so do the other operations; between the two, and against events, any order may come out,
 * as the SPI allows. `WPUCloseSocketHandle` stays the last (rule 7.2).
 */
import type { Overlapped } from '../../spi/types.js';
import type { DowncallName, UpcallName } from './calls.js';
import type { Concern, Proceed } from './provider.js';

interface Lanes {
  readonly receives: Proceed[];
  readonly others: Proceed[];
  /** Waits for the lanes to run empty. */
  last: Proceed | null;
}

/** Completions and events come when `schedule` says. */
export class Delay implements Concern {
  readonly #schedule: (work: () => void) => void;
  readonly #receives = new WeakSet<Overlapped>();
  readonly #lanes = new Map<unknown, Lanes>();

  /** @param schedule runs its argument later, never at once */
  constructor(schedule: (work: () => void) => void) {
    this.#schedule = schedule;
  }

  downcall(name: DowncallName, args: readonly unknown[], proceed: Proceed): unknown {
    // Known before the call, since the provider may complete an operation of another kind with the same object next time.
    if (name === 'WSPRecv') this.#receives.add(args[3] as Overlapped);
    else if (name === 'WSPSend') this.#receives.delete(args[3] as Overlapped);
    return proceed();
  }

  upcall(name: UpcallName, args: readonly unknown[], proceed: Proceed): unknown {
    if (name === 'WPUCompleteOverlappedRequest') {
      this.#completeLater(args[0], args[1] as Overlapped, args[3] as number, proceed);
      return undefined;
    }
    const lanes = name === 'WPUCloseSocketHandle' ? this.#lanes.get(args[0]) : undefined;
    if (lanes === undefined) return proceed();
    lanes.last = proceed;
    return 0;
  }

  event(_socket: number, proceed: Proceed): void {
    this.#schedule(proceed);
  }

  #completeLater(handle: unknown, overlapped: Overlapped, bytes: number, proceed: Proceed): void {
    const lanes = this.#lanes.get(handle) ?? { receives: [], others: [], last: null };
    this.#lanes.set(handle, lanes);
    const receive = this.#receives.has(overlapped);
    const lane = receive ? lanes.receives : lanes.others;
    // What the provider lends is lent for the time of its upcall only.
    const lent =
      receive && overlapped.length > 0
        ? new Uint8Array(overlapped.bytes.subarray(overlapped.offset, overlapped.offset + bytes))
        : null;
    lane.push(() => {
      if (lent !== null) {
        overlapped.bytes = lent;
        overlapped.offset = 0;
        overlapped.length = bytes;
      }
      proceed();
    });
    this.#schedule(() => this.#deliver(handle, lanes, lane));
  }

  #deliver(handle: unknown, lanes: Lanes, lane: Proceed[]): void {
    try {
      lane.shift()!();
    } finally {
      if (lanes.receives.length === 0 && lanes.others.length === 0 && this.#lanes.get(handle) === lanes) {
        this.#lanes.delete(handle);
        lanes.last?.();
      }
    }
  }
}
