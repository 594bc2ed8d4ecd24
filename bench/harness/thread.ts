/** A thread of a process that has many: does what its process passes on. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Envelope, PeerSetup } from './messages.js';
import { OneThread, replyTo } from './one-thread.js';

const hand = new OneThread(workerData as PeerSetup);

parentPort?.on('message', async (request: Envelope) => parentPort?.postMessage(await replyTo(hand, request)));
