import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { COMMAND, pair } from './observed.js';

/** Runs a command on a terminal of its own, has it told something when it has drawn twice, and prints what it wrote and how it ended. */
const SCRIPT = `
import os, pty, select, signal, struct, sys, termios, fcntl, time
what, rows, columns, command = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
seen, told, before = b'', False, termios.tcgetattr(fd)
end = time.monotonic() + 30
while time.monotonic() < end:
    if not select.select([fd], [], [], 0.1)[0]:
        continue
    try:
        more = os.read(fd, 65536)
    except OSError:
        break
    if not more:
        break
    seen += more
    if not told and seen.count(b'sanswitch top') >= 2:
        told = True
        if what == 'SIGTERM':
            os.kill(pid, signal.SIGTERM)
        else:
            os.write(fd, what.encode())
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(b'%d\\n' % os.waitstatus_to_exitcode(status) + seen)
`;

const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;

describe.skipIf(!hasPython)(`sanswitch top on a terminal${hasPython ? '' : ' (needs python3)'}`, () => {
  it.each([
    ['q', 'q'],
    ['Ctrl-C', '\x03'],
    ['SIGTERM', 'SIGTERM'],
  ])('is one screen that %s ends', async (_, what) => {
    const { client } = await pair();
    const command = [process.execPath, COMMAND, 'top', '--interval', '0.2', '--pid', String(client.pid)];
    const { stdout, stderr } = spawnSync('python3', ['-c', SCRIPT, what, '20', '60', ...command], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const [, code, screen = ''] = /^(-?\d+)\n([\s\S]*)$/.exec(stdout) ?? [];
    expect(code).toBe('0');
    // The other screen and back, the cursor hidden and shown again.
    expect(screen.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
    expect(screen.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
    const last = screen.split('\x1b[H').at(-1) ?? '';
    const lines = last.split('\x1b[J')[0]?.replaceAll('\r', '').split('\x1b[K\n') ?? [];
    expect(lines[0]).toMatch(/^sanswitch top .* 1 process, 1 connection/);
    expect(lines.length).toBeLessThanOrEqual(20);
    for (const line of lines) expect(line.replace('\x1b[K', '').length).toBeLessThanOrEqual(60);
    expect(lines.at(-1)).toContain('q: end');
  });
});
