/** The command lines of `sanswitch load` and `sanswitch echo`: each mistake is one line, and exit code 2. */
import { describe, expect, it } from 'vitest';
import { Command, echo, load } from './command.js';

const command = (args: readonly string[]) => new Command(args).outcome;

describe('the command line', () => {
  it.each(['load', 'echo'])('of %s is explained', async (name) => {
    const { code, stdout, stderr } = await command([name, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: npx sanswitch ${name} [\\s\\S]*\\nExit codes: `));
  });

  const AT = 'tcp://127.0.0.1:9';
  it.each<[string[], string | RegExp]>([
    [['load'], 'load what? a target, as in: load tcp://127.0.0.1:7000 --rate 1000'],
    [['load', AT, '--rate', '0'], "--rate wants a number from 0.1 to 100000000, not '0'"],
    [['load', AT, '--rate', '1', '--slo', 'fast'], /^--slo wants a percentile and a limit, .*, not 'fast'$/],
    [['load', AT, AT, '--rate', '1'], 'one target, not 2'],
    [['load', AT, '--rate', '1', '--nope'], /^Unknown option '--nope'/],
    [['load', AT, '--rate', '1', '--quiet', '--providers', 'rmda'], /^there is no provider `rmda`/],
    [['load', AT, '--rate', '1', '--quiet', '--providers', 'shm,shm'], /^provider shm is configured twice/],
    [['load', AT, '--rate', '1', '--server', 'host'], "--server wants a port from 0 to 65535, not 'host'"],
    [['load', AT, '--rate', '1', '--server-pid', '0'], "--server-pid wants the number of a process, not '0'"],
    [['load', AT, '--rate', '1', '--agents', ''], /^--agents wants a port/],
    [['load', AT, '--agent', '0'], 'an agent is told its target by those who name it in --agents'],
    [['load', '--agent', 'x'], "--agent wants a port from 0 to 65535, not 'x'"],
    [['echo'], 'listen where? a port, as in: echo 7000'],
    [['echo', '1', '2'], 'one place to listen at, not more'],
    [['echo', '70000'], "echo wants a port from 0 to 65535, not '70000'"],
    [['echo', ':1'], "echo wants [HOST:]PORT, not ':1'"],
    [['echo', '0', '--protocol', 'x'], "--protocol is one of echo, sink, request, not 'x'"],
    [['echo', '0', '--engine', 'x'], "--engine is actors or net, not 'x'"],
    [['echo', '0', '--workers', '0'], "--workers wants a whole number from 1 to 128, not '0'"],
    [['echo', '0', '--control', 'x'], "--control wants a port from 0 to 65535, not 'x'"],
    [['echo', '0', '--providers', 'rmda'], /^there is no provider `rmda`/],
  ])('%j is a mistake: one line, and exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await command(args);
    expect([code, stdout]).toEqual([2, '']);
    const [, said] = /^sanswitch: (.*) \(--help shows what there is\)\n$/.exec(stderr) ?? [];
    if (typeof message === 'string') expect(said ?? stderr).toBe(message);
    else expect(said ?? stderr).toMatch(message);
  });

  it('stands in the report as it can be given again', async () => {
    const server = await echo();
    const args = [
      `tcp://127.0.0.1:${server.port}`,
      '--requests',
      '1',
      '--in-flight',
      '1',
      '--slo',
      'p99<1s',
      '--warmup',
      '0',
    ];
    const { report } = await load(args);
    await server.stop();
    expect(report.settings.command).toMatch(
      /^load tcp:\S+ --requests 1 --in-flight 1 --slo 'p99<1s' --warmup 0 --json \S+$/,
    );
  });
});
