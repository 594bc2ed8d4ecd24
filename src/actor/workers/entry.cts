/**
 * What piscina loads in each thread. It tries `require` first, and a thread that is ended, or runs out of memory, while it
 * requires an ECMAScript module takes the whole process down (Node 20: "IsGraphAsync must be used on an instantiated
 * module"). So it gets a CommonJS file, which imports the rest.
 */
module.exports = async (task: unknown): Promise<void> => {
  try {
    const { default: run } = await import('./host.js');
    await run(task as Parameters<typeof run>[0]);
  } catch (error) {
    // The thread would be given the next task, with whatever kept this one from running. It dies of it instead.
    setImmediate(() => {
      throw error;
    });
    await new Promise(() => {});
  }
};
