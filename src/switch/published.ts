/** What a switch tells of itself to observers in other processes. */
import { Reactor } from '../reactor/reactor.js';
import type { ObservedConnection, ThreadFigures } from '../stats/counters-page.js';
import type { CounterSource } from '../stats/publisher.js';
import type { SwitchContext } from './context.js';

/** One switch as a source of its thread's counters. */
export class PublishedSwitch implements CounterSource {
  private readonly context: SwitchContext;

  constructor(context: SwitchContext) {
    this.context = context;
  }

  addFigures(figures: ThreadFigures): void {
    const { counters, sockets, listeners } = this.context;
    figures.connections += sockets.size;
    figures.listeners += listeners.size;
    for (const { connects, accepts, bytesSent, bytesReceived } of counters.all()) {
      figures.connects += connects;
      figures.accepts += accepts;
      figures.bytesSent += bytesSent;
      figures.bytesReceived += bytesReceived;
    }
    const { past } = counters;
    figures.sends += past.sends;
    figures.deliveries += past.deliveries;
    figures.stalls += past.stalls;
    for (const socket of sockets) {
      figures.bytesSent += socket.countedSent;
      figures.bytesReceived += socket.countedReceived;
      figures.sends += socket.sends;
      figures.deliveries += socket.deliveries;
      figures.stalls += socket.stalls;
    }
    setWakes(figures);
  }

  get observed(): Iterable<ObservedConnection> {
    return this.context.sockets;
  }
}

/** The reactor's, which is the whole thread's: whoever uses it tells the same. */
export function setWakes(figures: ThreadFigures): void {
  const reactor = Reactor.existing();
  if (reactor === null) return;
  const { wakesSent, wakesReceived } = reactor.stats();
  figures.wakesSent = wakesSent;
  figures.wakesReceived = wakesReceived;
}
