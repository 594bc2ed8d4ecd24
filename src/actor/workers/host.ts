/** What a worker thread of the actor runtime runs: one actor host, for as long as the thread lives. */
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { nameThread } from '../../native/thread-name.js';
import type { HostTask } from '../runtime/control.js';
import { HostService } from './host-service.js';

/** The task that the thread is given. @returns settles when the runtime says that it is over */
export default function run(task: HostTask): Promise<void> {
  nameThread(task.name);
  return new Promise((over) => {
    expose(new HostService(task, over), nodeEndpoint(task.control));
  });
}
