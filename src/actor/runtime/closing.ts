/** The orderly end of a runtime. */
import type { Cluster } from './cluster.js';
import { inTime } from './in-time.js';
import type { Intake } from './intake.js';
import { quiet } from './quiet.js';
import type { Supervisor } from './supervisor.js';
import type { RuntimeThread } from './thread.js';

/**
 * Nobody listens or connects any more, what was told is handled, all sockets end in order, all actors stop, the workers end, the
 * calling thread lets go of its switch and its links. What takes longer than
 * it may is cut short. Nothing is spawned any more when this is called. Never rejects.
 * @returns whether nothing was cut short
 */
export async function closeInOrder(
  thread: RuntimeThread,
  cluster: Cluster,
  supervisor: Supervisor,
  intake: Intake,
  timeoutMs: number,
): Promise<boolean> {
  const begin_ms = performance.now();
  const deadline_ms = begin_ms + timeoutMs;
  // The sockets have a right to half of the time that is left then, and the hooks of actors that stop to the rest.
  const flushed_ms = begin_ms + timeoutMs / 2;
  const closed_ms = begin_ms + (timeoutMs * 3) / 4;
  cluster.stopRestarts();
  thread.connector.stop();
  const begun = [cluster.askAll('stopConnecting'), intake.close(), cluster.settled(), supervisor.settled()];
  // A thread that is ended as it loads a module leaves the descriptor of its file behind.
  await inTime(Promise.all(begun), flushed_ms, null);
  const look = async () => [thread.activity(), ...(await cluster.askAll('activity'))];
  const isFlushed = await inTime(quiet(look, flushed_ms), flushed_ms, false);
  const closed = Promise.all([thread.closeSockets(), cluster.askAll('closeSockets')]);
  const haveClosed = (await inTime(closed, closed_ms, null)) !== null;
  const stopped = Promise.all([thread.stopActors(), cluster.askAll('stopActors')]);
  const haveStopped = (await inTime(stopped, deadline_ms, null)) !== null;
  const haveEnded = (await inTime(cluster.end(), deadline_ms, null)) !== null;
  await cluster.destroy();
  await thread.close();
  return isFlushed && haveClosed && haveStopped && haveEnded;
}
