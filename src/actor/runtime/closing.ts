/** The orderly end of a runtime. */
import type { Cluster } from './cluster.js';
import { inTime } from './in-time.js';
import { quiet } from './quiet.js';
import type { Supervisor } from './supervisor.js';
import type { RuntimeThread } from './thread.js';

/**
 * What was told is handled, all actors stop, the workers end, the calling thread lets go of its links. What takes longer than
 * it may is cut short. Nothing is spawned any more when this is called. Never rejects.
 * @returns whether nothing was cut short
 */
export async function closeInOrder(
  thread: RuntimeThread,
  cluster: Cluster,
  supervisor: Supervisor,
  timeoutMs: number,
): Promise<boolean> {
  const begin_ms = performance.now();
  const deadline_ms = begin_ms + timeoutMs;
  // The hooks of actors that stop have a right to the other half of the time.
  const flushed_ms = begin_ms + timeoutMs / 2;
  cluster.stopRestarts();
  // A thread that is ended as it loads a module leaves the descriptor of its file behind.
  await inTime(Promise.all([cluster.settled(), supervisor.settled()]), flushed_ms, null);
  const look = async () => [thread.activity(), ...(await cluster.askAll('activity'))];
  const isFlushed = await inTime(quiet(look, flushed_ms), flushed_ms, false);
  const stopped = Promise.all([thread.host.close(), cluster.askAll('stopActors')]);
  const haveStopped = (await inTime(stopped, deadline_ms, null)) !== null;
  const haveEnded = (await inTime(cluster.end(), deadline_ms, null)) !== null;
  await cluster.destroy();
  thread.close();
  return isFlushed && haveStopped && haveEnded;
}
