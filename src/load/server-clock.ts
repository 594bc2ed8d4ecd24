/** How much processor time the server has had: by its process's number on this host, or asked of `sanswitch echo --control`. */
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import type { ServerClock } from './measure.js';

/** Of `/proc/PID/stat`: USER_HZ, which is the same on every Linux that Node.js runs on. */
const US_PER_TICK = 10_000;
const ANSWER_BYTES_MAX = 256;
const TIMEOUT_MS = 1_000;

/** The processor time of a process, by the system. */
export class ProcessClock implements ServerClock {
  private readonly pid: number;

  constructor(pid: number) {
    this.pid = pid;
  }

  async read(): Promise<number | null> {
    try {
      // The name may hold spaces and parentheses; what follows it does not.
      const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      const ticks = Number(fields[11]) + Number(fields[12]);
      return Number.isFinite(ticks) ? ticks * US_PER_TICK : null;
    } catch {
      return null;
    }
  }
}

/** The processor time that a server tells of itself. */
export class ControlClock implements ServerClock {
  private readonly host: string;
  private readonly port: number;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
  }

  read(): Promise<number | null> {
    return new Promise((resolve) => {
      let text = '';
      const socket = connect({ host: this.host, port: this.port, timeout: TIMEOUT_MS });
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (text.length > ANSWER_BYTES_MAX) socket.destroy();
      });
      socket.on('timeout', () => socket.destroy());
      // Who can't be reached tells nothing, which the report says.
      socket.on('error', () => {});
      socket.on('close', () => {
        const [, us] = /^cpu_us (\d{1,16})\n/.exec(text) ?? [];
        resolve(us === undefined ? null : Number(us));
      });
    });
  }
}

/** Tells whoever connects how much processor time this process has had. @throws as `net.Server.listen` */
export function listenForClocks(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    const { user, system } = process.cpuUsage();
    socket.on('error', () => {});
    socket.end(`cpu_us ${user + system}\n`);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
