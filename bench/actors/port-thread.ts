/** A thread that does with a MessagePort what the actors do: the baseline. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { Samples } from '../harness/percentiles.js';
import { BURST, CONTROL, tradeOf, UNDER_WAY_MAX } from './control.js';

/** What a thread is. */
export type PortRole = 'source' | 'sink' | 'asker' | 'echo';

/** What it is given. */
export interface PortTask {
  readonly role: PortRole;
  readonly port: MessagePort;
  readonly control: Int32Array;
}

const { role, port, control } = workerData as PortTask;
let sequence = 0;

/** As many under way as actors would have: what was counted is what has arrived. */
function pour(): void {
  for (let i = 0; i < BURST && sequence - (control[CONTROL.done] as number) < UNDER_WAY_MAX; i++) {
    port.postMessage(tradeOf(sequence++));
  }
  if (control[CONTROL.over] === 0) setImmediate(pour);
  else parentPort?.postMessage('over');
}

async function inquire(): Promise<void> {
  const samples = new Samples();
  for (let value = 0; control[CONTROL.over] === 0; value++) {
    const begin_ms = performance.now();
    const answer = await new Promise((resolve) => {
      port.once('message', resolve);
      port.postMessage({ value });
    });
    if ((answer as { value: number }).value !== value) throw new Error(`asked ${value}, answered ${answer}`);
    samples.record((performance.now() - begin_ms) * 1000);
    (control[CONTROL.done] as number)++;
  }
  parentPort?.postMessage(samples.at(0.5, 0.99, 0.999));
}

switch (role) {
  case 'source':
    // The counter goes on from slot to slot.
    parentPort?.on('message', () => {
      sequence = control[CONTROL.done] as number;
      pour();
    });
    break;
  case 'sink':
    port.on('message', () => {
      (control[CONTROL.done] as number)++;
    });
    break;
  case 'asker':
    parentPort?.on('message', () => void inquire());
    break;
  case 'echo':
    port.on('message', (message) => port.postMessage(message));
    break;
}
