import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** Bytes. With everything that a connection is made of it was 4,000. */
const LEFT_MAX_BYTES = 300;

describe('connections that come and go', () => {
  // A process of its own: what V8 makes in the old generation depends on all that the process has done before.
  it('leave next to nothing in the old generation', { timeout: 60_000 }, async () => {
    const fixture = join(process.cwd(), 'build', 'test', 'fixtures', 'churn-memory.js');
    const { stdout } = await promisify(execFile)(process.execPath, [fixture]);
    expect(Number(stdout)).toBeLessThan(LEFT_MAX_BYTES);
  });
});
