/** How a command that runs until it is stopped is told so. */

const ENDS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Resolves with the first signal that asks this process to end. A second one ends it at once, as if nobody listened. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals): void => {
      for (const end of ENDS) process.off(end, heard);
      resolve(signal);
    };
    for (const end of ENDS) process.on(end, heard);
  });
}
