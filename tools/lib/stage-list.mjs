// What `npm test`, `npm run check` and .ci/run consist of. To add a stage, add a line.
//
// name      what the user calls it: `npm test -- --only NAME`
// command   program and arguments, run in the checkout's top folder with node_modules/.bin on the PATH
// count     how its tests are counted:
//             'vitest'  the JSON report that tools/stages.mjs asks vitest for
//             'lines'   lines `ok NAME`, `not ok NAME` and `skip NAME: WHY` on its standard output
//             'exit'    the whole stage is one test, judged by its exit code
// limit_s   a stage that takes longer is ended and has failed
// optional  a file without which the stage is skipped

/** The stages by group. A group is what one npm script runs. */
export const groups = {
  test: [
    {
      name: 'vitest',
      command: ['vitest', 'run', '--exclude=test/bench/**', '--exclude=test/rdma/**'],
      count: 'vitest',
      limit_s: 1_500,
    },
    // By themselves: what they measure takes both processors of a small machine.
    { name: 'bench', command: ['vitest', 'run', '--no-file-parallelism', 'test/bench'], count: 'vitest', limit_s: 900 },
    {
      name: 'native',
      command: ['node', 'test/native/run.mjs'],
      count: 'lines',
      limit_s: 900,
      optional: 'test/native/run.mjs',
    },
    { name: 'models', command: ['node', 'test/models/run.mjs'], count: 'lines', limit_s: 600 },
    { name: 'fuzz', command: ['node', 'test/fuzz/run.mjs', '--budget'], count: 'lines', limit_s: 300 },
    { name: 'pack', command: ['node', 'test/pack/run.mjs'], count: 'lines', limit_s: 600 },
    { name: 'rdma', command: ['node', 'test/vm/run.mjs'], count: 'lines', limit_s: 3_000 },
  ],
  check: [
    { name: 'biome', command: ['biome', 'ci', '--colors=off', '.'], count: 'exit', limit_s: 120 },
    { name: 'types', command: ['tsc', '-p', 'tsconfig.json', '--noEmit'], count: 'exit', limit_s: 120 },
    { name: 'types-dev', command: ['tsc', '-p', 'tsconfig.dev.json', '--noEmit'], count: 'exit', limit_s: 120 },
    { name: 'types-js', command: ['tsc', '-p', 'tsconfig.js.json'], count: 'exit', limit_s: 120 },
    { name: 'tidy', command: ['node', 'build/tools/tidy.js'], count: 'exit', limit_s: 120 },
    {
      name: 'generated',
      command: ['node', 'build/tools/generate-layout.js', '--check'],
      count: 'exit',
      limit_s: 120,
      optional: 'tools/generate-layout.ts',
    },
    { name: 'knip', command: ['knip', '--no-config-hints'], count: 'exit', limit_s: 120 },
    { name: 'publint', command: ['publint', '--strict'], count: 'exit', limit_s: 120 },
  ],
  nodes: [{ name: 'nodes', command: ['node', 'test/nodes/run.mjs'], count: 'lines', limit_s: 900 }],
};
