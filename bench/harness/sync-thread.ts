/** One of the threads of the question `sync`: does jobs, and shows how far it has come in the job's control words. */
import { parentPort } from 'node:worker_threads';
import { workOf } from './sync-subjects.js';
import { BATCH, CONTROL, type Job } from './sync-threads.js';

async function run(job: Job): Promise<void> {
  const control = new Int32Array(job.control);
  const isOver = () => Atomics.load(control, CONTROL.over) === 1;
  const { step, leave } = await workOf(job, isOver);
  parentPort?.postMessage('ready');
  while (Atomics.load(control, CONTROL.go) === 0) Atomics.wait(control, CONTROL.go, 0);
  while (!isOver()) {
    for (let i = 0; i < BATCH; i++) step();
    Atomics.add(control, CONTROL.batches + job.id, 1);
  }
  leave();
  parentPort?.postMessage('left');
}

parentPort?.on('message', (job: Job) => {
  run(job);
});
