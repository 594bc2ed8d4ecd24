/** What `perf script` prints, as stacks of threads. */
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Perf } from './perf.js';
import type { PerfMap } from './perf-map.js';
import { addTime, frameName, KERNEL_MARK } from './stacks.js';

/** One thread that was sampled. */
export interface SampledThread {
  readonly pid: number;
  readonly tid: number;
  /** The last name that it had. */
  comm: string;
  /** Whether JavaScript was seen on it. */
  isScript: boolean;
  readonly stacks: Map<string, number>;
}

const FIELDS = 'comm,pid,tid,time,period,event,ip,sym,dso';
/** `worker-0 123/125  2055.059998:    2004008 cpu-clock:`; a name may have blanks. */
const SAMPLE = /^(?<comm>.*?)\s+(?<pid>\d+)\/(?<tid>\d+)\s+[\d.]+:\s+(?<period>\d+)\s+\S+\s*$/;
/** `\t 7fe5a408c2b5 symbol (file)`. */
const FRAME = /^\s+(?<address>[0-9a-f]+) (?<symbol>.*) \((?<file>.*)\)$/;
const UNKNOWN = '[unknown]';

/** Puts the lines together. */
export class ScriptReader {
  /** By the system's number. */
  readonly threads = new Map<number, SampledThread>();
  private thread: SampledThread | null = null;
  private period_us = 0;
  /** From the innermost. */
  private frames: string[] = [];
  private readonly mapOf: (pid: number) => PerfMap | null;

  /** @param mapOf the functions of a process; null: it does not tell */
  constructor(mapOf: (pid: number) => PerfMap | null) {
    this.mapOf = mapOf;
  }

  /** Takes a line; the last of a sample is empty. */
  line(text: string): void {
    if (text === '') {
      this.end();
      return;
    }
    const frame = /^\s/.test(text) ? FRAME.exec(text)?.groups : undefined;
    if (frame !== undefined) this.frame(frame.address ?? '', frame.symbol ?? '', frame.file ?? '');
    const sample = frame === undefined ? SAMPLE.exec(text)?.groups : undefined;
    if (sample === undefined) return;
    this.end();
    const tid = Number(sample.tid);
    const comm = sample.comm?.trim() ?? '';
    this.thread = this.threads.get(tid) ?? { pid: Number(sample.pid), tid, comm, isScript: false, stacks: new Map() };
    this.thread.comm = comm;
    this.threads.set(tid, this.thread);
    this.period_us = Number(sample.period) / 1_000;
  }

  /** Ends the sample that is under way. */
  end(): void {
    if (this.thread !== null) addTime(this.thread.stacks, this.frames.reverse().join(';') || UNKNOWN, this.period_us);
    this.thread = null;
    this.frames = [];
  }

  private frame(address: string, symbol: string, file: string): void {
    const { thread, frames } = this;
    if (thread === null) return;
    if (file.startsWith('[kernel') || file.startsWith('[guest')) {
      frames.push(frameName(`${symbol}${KERNEL_MARK}`));
      return;
    }
    const isCompiled = /^(\[unknown\]|\/\/anon|\[anon.*|\/tmp\/perf-\d+\.map|\[JIT\].*|\/memfd:.*)$/.test(file);
    const script = isCompiled ? (this.mapOf(thread.pid)?.at(Number.parseInt(address, 16)) ?? null) : null;
    if (script !== null) thread.isScript = true;
    // Below code without frame pointers stand numbers that are no callers.
    if (script === null && isCompiled && symbol === UNKNOWN) {
      if (frames.at(-1) !== UNKNOWN) frames.push(UNKNOWN);
      return;
    }
    frames.push(script ?? frameName(symbol === UNKNOWN ? `[${basename(file)}]` : symbol));
  }
}

/** Reads a recording. @throws Error: perf failed, in its words */
export async function readRecording(
  perf: Perf,
  file: string,
  mapOf: (pid: number) => PerfMap | null,
): Promise<SampledThread[]> {
  const child = spawn(perf.program, ['script', '--no-inline', '-i', file, '-F', FIELDS], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // It is awaited when all has been read.
  ended.catch(() => {});
  const reader = new ScriptReader(mapOf);
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }))
    reader.line(line);
  reader.end();
  const code = await ended;
  if (code !== 0) throw new Error(`perf script: ${said.trim().replace(/\s+/g, ' ') || `exit code ${code}`}`);
  return [...reader.threads.values()];
}
