/** Rules file and environment: what is refused, and what a rule does to a socket. */
import { describe, expect, it } from 'vitest';
import { answer, file, PAIR, program, type Run } from './program.js';

const ONE = `${PAIR}\nconsole.log(JSON.stringify(await pair()));`;

const ORDER = [': listen', ': connect', ': accept'];

function withRules(text: string, run: Run = {}): Run {
  const environment = { SANSWITCH_RULES: file('rules.conf', text), ...run.environment };
  return { ...run, environment };
}

describe('a bad rule', () => {
  it.each([
    ['permit shm', "2: a rule begins with allow, deny or demand, not 'permit'"],
    ['deny', '2: deny which provider? a name, or * for every one'],
    ['deny tcp', "2: TCP/IP is what remains: 'deny *' leaves nothing else"],
    ['deny SHM', "2: 'SHM' is no provider's name"],
    ['deny shm port', '2: what port?'],
    ['deny shm port 65536', "2: '65536' is no port and no range of ports"],
    ['deny shm port 9-8', "2: '9-8' is no port and no range of ports"],
    ['deny shm port 80 port 81', '2: port stands twice'],
    ['deny shm address 10.0.0.0/33', "2: '10.0.0.0/33' is no address and no ADDRESS/LENGTH"],
    ['deny shm address localhost', "2: 'localhost' is no address and no ADDRESS/LENGTH"],
    ['deny shm direction in', "2: a direction is connect or listen, not 'in'"],
    ['deny shm user root', "2: there is no condition 'user'; there are: program, address, port, direction"],
  ])('ends the program at its start: %s', async (rule, message) => {
    const { code, stdout, stderr } = await program('console.log(1)', withRules(`# a comment\n${rule} # and another\n`));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`rules.conf:${message}`);
    expect(stderr).toContain("code: 'ERR_SANSWITCH_INVALID_RULE'");
  });

  it('so do a file that is not there, and providers that there are not', async () => {
    const missing = await program('', { environment: { SANSWITCH_RULES: '/nowhere/rules' } });
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining("/nowhere/rules: it can't be read: ENOENT"),
    ]);
    const unknown = await program('', { environment: { SANSWITCH_PROVIDERS: 'shm,rmda' } });
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('ERR_SANSWITCH_UNKNOWN_PROVIDER')]);
    const malformed = await program('', { environment: { SANSWITCH_PROVIDERS: 'shm,,tcp' } });
    expect([malformed.code, malformed.stderr]).toEqual([1, expect.stringContaining('ERR_SANSWITCH_INVALID_OPTION')]);
  });
});

describe('without a rule', () => {
  it('shared memory serves, and nothing else is asked', async () => {
    expect(await answer(ONE)).toEqual({
      text: 'ping',
      provider: 'shm',
      why: ['shm chosen served'],
      listened: ['tcp chosen owns-the-port', 'shm chosen listens'],
    });
  });

  it('SANSWITCH_PROVIDERS says who may', async () => {
    const environment = { SANSWITCH_PROVIDERS: 'tcp' };
    expect(await answer(ONE, { environment })).toEqual({
      text: 'ping',
      provider: 'tcp',
      why: ['tcp chosen no-san-provider'],
      listened: ['tcp chosen owns-the-port'],
    });
  });
});

describe('deny', () => {
  it('keeps a socket on TCP/IP, and the decision has the rule', async () => {
    const told = await answer(ONE, withRules('\ndeny shm direction connect\n'));
    expect(told).toMatchObject({
      text: 'ping',
      provider: 'tcp',
      why: [
        expect.stringMatching(/^shm not-serving rule \/.*rules\.conf:2: deny shm direction connect$/),
        'tcp chosen no-san-provider',
      ],
      listened: ['tcp chosen owns-the-port', 'shm chosen listens'],
    });
  });

  it('keeps a server on TCP/IP', async () => {
    const told = await answer(ONE, withRules('deny * direction listen'));
    expect(told).toMatchObject({
      provider: 'tcp',
      listened: ['tcp chosen owns-the-port', expect.stringMatching(/^shm not-serving rule /)],
    });
  });

  it('goes before what SANSWITCH_PROVIDERS demands', async () => {
    const run = withRules('deny shm', { environment: { SANSWITCH_PROVIDERS: 'shm!' } });
    expect(await answer(ONE, run)).toMatchObject({ text: 'ping', provider: 'tcp' });
  });

  it.each([
    ['the first line that fits', 'allow shm\ndeny shm', 'shm'],
    ['a fitting address', 'deny shm address 127.0.0.0/8', 'tcp'],
    ['another address', 'deny shm address 10.0.0.0/8', 'shm'],
    ['an address of another family', 'deny shm address ::/0', 'shm'],
    ['a port out of the range', 'deny shm port 1-1023', 'shm'],
    ['a port in the range', 'deny shm port 1024-65535', 'tcp'],
    ['this program', 'deny shm program prog*.mjs', 'tcp'],
    ['this program by its path', 'deny shm program */program.mjs', 'tcp'],
    ['what runs it', 'deny shm program node', 'tcp'],
    ['another program', 'deny shm program server.mjs', 'shm'],
    ['another program, whose name is no pattern', 'deny shm program program?mjs.', 'shm'],
    ['another provider', 'deny verbs', 'shm'],
    ['all conditions', 'deny shm program program.mjs address 127.0.0.1 port 1024-65535 direction connect', 'tcp'],
    ['all conditions but one', 'deny shm program program.mjs address 127.0.0.1 port 1 direction connect', 'shm'],
  ])('%s', async (_, rules, provider) => {
    expect(await answer(ONE, withRules(rules))).toMatchObject({ text: 'ping', provider });
  });
});

describe('demand', () => {
  it('makes a fallback an error of the socket', async () => {
    const plain = `${PAIR}
      import { fork } from 'node:child_process';
      if (process.send && process.argv[2] === 'server') {
        net.createServer((peer) => peer.end()).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
      } else {
        const server = fork(process.argv[1], ['server'], { execArgv: [], env: {} });
        server.once('message', (port) => {
          const socket = net.connect(port, '127.0.0.1');
          socket.on('error', ({ code, name, decision }) => {
            console.log(JSON.stringify([code, name, decision.candidates.map(({ reason }) => reason)]));
            server.kill();
          });
        });
      }`;
    const refused = ['ERR_SANSWITCH_PROVIDER_REQUIRED', 'ProviderRequiredError', ['no-rendezvous']];
    expect(await answer(plain, withRules('demand shm direction connect'))).toEqual(refused);
    expect(await answer(plain, { environment: { SANSWITCH_PROVIDERS: 'shm!' } })).toEqual(refused);
    expect(await answer(plain, withRules('demand *'))).toEqual(refused);
  });

  it('holds for addresses that no provider serves', async () => {
    const code = `import net from 'node:net';
      net.connect(9, '192.0.2.1').on('error', ({ code }) => console.log(JSON.stringify(code)));`;
    expect(await answer(code, withRules('demand shm'))).toBe('ERR_SANSWITCH_PROVIDER_REQUIRED');
  });

  it('of a provider that is not configured is an error of the server', async () => {
    expect(await answer(ONE, withRules('demand verbs direction listen'))).toEqual({
      error: 'ERR_SANSWITCH_PROVIDER_REQUIRED',
      syscall: 'listen',
    });
  });

  it('is content with who is demanded', async () => {
    expect(await answer(ONE, withRules('demand shm'))).toMatchObject({ provider: 'shm' });
  });
});

describe('SANSWITCH_DEBUG', () => {
  it('prints each decision in a line', async () => {
    const { stderr } = await program(ONE, { environment: { SANSWITCH_DEBUG: '1' } });
    // In which order connecting and accepting are told is nobody's promise.
    const lines = stderr
      .trim()
      .split('\n')
      .sort((a, b) => ORDER.findIndex((word) => a.includes(word)) - ORDER.findIndex((word) => b.includes(word)));
    expect(lines).toEqual([
      expect.stringMatching(
        /^sanswitch\[\d+\]: listen 127\.0\.0\.1:\d+ by tcp: tcp chosen \(owns-the-port\), shm chosen \(listens\)$/,
      ),
      expect.stringMatching(/^sanswitch\[\d+\]: connect 127\.0\.0\.1:\d+ by shm: shm chosen \(served\)$/),
      expect.stringMatching(/^sanswitch\[\d+\]: accept 127\.0\.0\.1:\d+ by shm: shm chosen \(arrived\)$/),
    ]);
  });

  it('is silent otherwise', async () => {
    expect((await program(ONE, { environment: { SANSWITCH_DEBUG: '0' } })).stderr).toBe('');
  });
});
