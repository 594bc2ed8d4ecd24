import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const fixture = join(process.cwd(), 'build', 'test', 'fixtures', 'terminate-cycles.js');
/** More of them for a long run: TERMINATE_CYCLES=1000. `npm run test:nodes` does 200 on every Node. */
const cycles = Number(process.env.TERMINATE_CYCLES ?? 50);

describe('[WSD-7.3] worker.terminate()', () => {
  it(`${cycles} times, whatever the worker does: its peers know, go on, and nothing of it stays`, {
    timeout: 60_000 + cycles * 3_000,
  }, async () => {
    const { stdout } = await run(process.execPath, [fixture, String(cycles)]);
    process.stdout.write(stdout);
    expect(stdout).toContain(`${cycles} workers ended`);
  });
});
