// The first thing that every npm script runs: brings the checkout up to date (dependencies, native part, TypeScript),
// says what it does, and then runs the command after `--`. Plain JavaScript without dependencies, and up to the check
// of Node's version in syntax that an old Node can read.
//
//   node tools/bootstrap.mjs [--native=needed|optional|skip] [--lenient] [-- COMMAND ARGUMENTS...]
//
// --native   needed (default): without a compiler the command can't go on; optional: it goes on over TCP/IP alone;
//            skip: the native part is of no interest
// --lenient  go on with what was compiled in spite of type errors (the generator that mends them is compiled too)
import { nodeProblem } from './lib/node-version.mjs';

const problem = nodeProblem(process.versions.node);
if (problem) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
} else {
  import('./lib/main.mjs')
    .then((module) => module.main(process.argv.slice(2)))
    .then((exitCode) => {
      process.exitCode = exitCode;
    });
}
