/** `npx sanswitch run`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { COMMAND, file, node, PAIR, REGISTER } from './program.js';

const run = (args: readonly string[], environment?: NodeJS.ProcessEnv) => node([COMMAND, 'run', ...args], environment);
const one = () => file('one.mjs', `${PAIR}\nconsole.log((await pair()).provider);`);

describe('npx sanswitch run', () => {
  it('says how it is used', async () => {
    const { code, stdout } = await run(['--help']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: npx sanswitch run [\s\S]*\nExit codes: /)]);
  });

  it('puts the switch below the program, with and without --', async () => {
    expect(await run(['--', process.execPath, one()])).toEqual({ code: 0, stdout: 'shm\n', stderr: '' });
    expect(await run([process.execPath, one()])).toMatchObject({ code: 0, stdout: 'shm\n' });
  });

  it('takes options of its own, and leaves the command’s alone', async () => {
    expect(await run(['--providers', 'tcp', process.execPath, '--no-warnings', one()])).toMatchObject({
      stdout: 'tcp\n',
    });
    expect((await run(['--debug', '--', process.execPath, one()])).stderr).toMatch(/connect 127\.0\.0\.1:\d+ by shm/);
    const rules = file('deny.conf', 'deny * program one.mjs');
    expect(await run(['--rules', rules, '--', process.execPath, one()])).toMatchObject({ stdout: 'tcp\n' });
    const shown = await run([
      '--',
      process.execPath,
      '-p',
      'process.argv.slice(1).join()',
      '--',
      '--providers',
      '--help',
    ]);
    expect(shown).toMatchObject({ code: 0, stdout: '--providers,--help\n' });
  });

  it('keeps NODE_OPTIONS, adds itself once, and reaches the children of any command', async () => {
    const print = `${process.execPath} -p process.env.NODE_OPTIONS`;
    const { stdout } = await run(['sh', '-c', print], { NODE_OPTIONS: '--no-warnings' });
    expect(stdout).toBe(`--no-warnings --import=${REGISTER}\n`);
    const nested = await run([process.execPath, COMMAND, 'run', '--', 'sh', '-c', print]);
    expect(nested.stdout).toBe(`--import=${REGISTER}\n`);
    const child = await run(['sh', '-c', `${process.execPath} ${one()}`]);
    expect(child.stdout).toBe('shm\n');
  });

  it('ends as the command does', async () => {
    expect(await run(['sh', '-c', 'exit 7'])).toMatchObject({ code: 7 });
    expect(await run(['sh', '-c', 'kill -TERM $$'])).toMatchObject({ code: 'SIGTERM' });
    expect(await run(['/nowhere/command'])).toMatchObject({ code: 127, stderr: expect.stringContaining('ENOENT') });
    expect(await run([file('no-program', 'text')])).toMatchObject({
      code: 126,
      stderr: expect.stringContaining('EACCES'),
    });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGQUIT'] as const)('passes %s on', async (signal) => {
    const program = file(
      'signals.mjs',
      `process.on('${signal}', () => { console.log('got it'); process.exit(3); });
       setInterval(() => {}, 1_000); console.log('ready');`,
    );
    const child = spawn(process.execPath, [COMMAND, 'run', '--', process.execPath, program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (more.includes('ready')) child.kill(signal);
    });
    expect(await once(child, 'close')).toEqual([3, null]);
    expect(text).toBe('ready\ngot it\n');
  });

  it.each([
    [[], 'run what? a command, as in: run -- node server.js'],
    [['--'], 'run what? a command, as in: run -- node server.js'],
    [['--nope', 'node'], "Unknown option '--nope'"],
    [['--providers', 'rmda', 'node'], 'there is no provider `rmda`'],
    [['--rules', '/nowhere/rules', 'node'], "/nowhere/rules: it can't be read"],
    [['--rules', file('bad.conf', '\nallow'), 'node'], 'bad.conf:2: allow which provider?'],
  ])('takes no nonsense: %j', async (args, message) => {
    expect(await run(args)).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(message) });
  });
});
