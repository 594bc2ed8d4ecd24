/**
 * The doctor's end-to-end test: by each provider that starts here, two processes connect, exchange bytes, compare them, and
 * end in order. Processes of their own, so that whatever goes wrong is theirs.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { BlockList } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ProviderReport, SelfTestReport } from './report.js';
import type { SelfTestFigures, SelfTestNews, SelfTestTask } from './self-test-messages.js';

const PEER_FILE = fileURLToPath(new URL('./self-test-peer.js', import.meta.url));

/** A hundred times what it takes over TCP/IP on a small machine. */
const LIMIT_MS = 30_000;

/** An address of this host that the provider serves, a loopback one if there is one; null: none. */
function addressFor({ name, subnets }: ProviderReport): string | null {
  if (name === 'tcp') return '127.0.0.1';
  const served = new BlockList();
  for (const subnet of subnets) {
    const [network = '', prefix = ''] = subnet.split('/');
    served.addSubnet(network, Number(prefix), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const fitting = own.filter(
    ({ address, family, scopeid }) => !scopeid && served.check(address, family === 'IPv6' ? 'ipv6' : 'ipv4'),
  );
  return (fitting.find(({ internal }) => internal) ?? fitting[0])?.address ?? null;
}

/** One of the two processes, and what it has told. */
class Peer {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<SelfTestNews['kind'], (news: SelfTestNews) => void>();
  /** Rejects when it fails, or ends without a word. */
  readonly failed: Promise<never>;
  private hasEnded = false;

  constructor(label: string, task: SelfTestTask) {
    this.child = fork(PEER_FILE, [], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let complaint = '';
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-4_096);
    });
    this.failed = new Promise((_, reject) => {
      const fail = (why: string): void => reject(new Error(`the ${label} process: ${why}`));
      this.child.on('message', (news: SelfTestNews) => {
        if (news.kind === 'failed') return fail(news.why);
        if (news.kind === 'ended') this.hasEnded = true;
        this.waiting.get(news.kind)?.(news);
      });
      this.child.once('error', (error) => fail(error.message));
      this.child.once('close', (code, signal) => {
        const said = complaint.split('\n').find((line) => /Error|error/.test(line)) ?? '';
        if (!this.hasEnded)
          fail(`it ended with ${signal ?? `exit code ${code}`}${said === '' ? '' : ` (${said.trim()})`}`);
      });
    });
    this.failed.catch(() => {});
    this.child.send(task);
  }

  /** Waits for news of a kind. @throws Error: it comes no more */
  hear<K extends SelfTestNews['kind']>(kind: K): Promise<Extract<SelfTestNews, { kind: K }>> {
    const news = new Promise<SelfTestNews>((resolve) => this.waiting.set(kind, resolve));
    return Promise.race([news, this.failed]) as Promise<Extract<SelfTestNews, { kind: K }>>;
  }

  end(): void {
    this.child.kill('SIGKILL');
  }
}

/** @throws Error with what went wrong */
async function exchange(provider: string, address: string, config: string | null): Promise<SelfTestFigures> {
  const task: SelfTestTask = { provider, config, address, port: null };
  const peers: Peer[] = [];
  let timer: NodeJS.Timeout | undefined;
  let phase = 'begin to listen';
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not ${phase} within ${LIMIT_MS / 1_000} s`)), LIMIT_MS);
  });
  const inTime = <T>(news: Promise<T>): Promise<T> => Promise.race([news, late, ...peers.map(({ failed }) => failed)]);
  try {
    const server = new Peer('listening', task);
    peers.push(server);
    const serverEnds = server.hear('ended');
    serverEnds.catch(() => {});
    const { port } = await inTime(server.hear('listening'));
    phase = 'exchange all bytes';
    const client = new Peer('connecting', { ...task, port });
    peers.push(client);
    const clientEnds = client.hear('ended');
    clientEnds.catch(() => {});
    const { figures } = await inTime(client.hear('measured'));
    phase = 'end in order';
    await inTime(Promise.all([serverEnds, clientEnds]));
    return figures;
  } finally {
    clearTimeout(timer);
    for (const peer of peers) peer.end();
  }
}

/**
 * Tests each provider of a report, one after the other.
 * @param config the file that the configuration is from; null: there is none
 */
export async function selfTest(
  providers: readonly ProviderReport[],
  config: string | null,
  begun: (name: string) => void = () => {},
): Promise<SelfTestReport[]> {
  const reports: SelfTestReport[] = [];
  for (const provider of providers) {
    const { name, why } = provider;
    const address = addressFor(provider);
    if (address === null) {
      reports.push({ name, outcome: 'skipped', why, address, figures: null });
      continue;
    }
    begun(name);
    try {
      reports.push({ name, outcome: 'passed', why: null, address, figures: await exchange(name, address, config) });
    } catch (error) {
      reports.push({ name, outcome: 'failed', why: (error as Error).message, address, figures: null });
    }
  }
  return reports;
}
