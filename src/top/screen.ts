/** One live screen on a terminal: the terminal is as it was before when it has been left, whatever ends it. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { TopReport } from './report.js';
import { type Room, reportLines } from './table.js';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_REST = '\x1b[J';

/** Keys that end it: q, Ctrl-C and Ctrl-D, which a terminal in raw mode hands over as they are. */
const QUIT_KEYS: readonly string[] = ['q', 'Q', '\x03', '\x04'];

/** Lines that are no rows: the first, two headings, two empty ones and the help. */
const FIXED_LINES = 6;

/** A third of the screen for processes, or what there are; the rest for connections. */
function roomOf({ processes, skipped }: TopReport, rows: number): Room {
  const free = Math.max(2, rows - FIXED_LINES - skipped.length);
  const forProcesses = Math.min(processes.length, Math.max(1, Math.floor(free / 3)));
  return { processes: forProcesses, connections: Math.max(0, free - forProcesses) };
}

/** See the top of this file. */
export class Screen {
  private readonly output: WriteStream;
  private readonly input: ReadStream | null;
  private last: TopReport | null = null;
  private readonly onKeys: (keys: Buffer) => void;
  private readonly onResize = (): void => this.draw();

  /** @param input null: no keys @param quit a key says so */
  constructor(output: WriteStream, input: ReadStream | null, quit: () => void) {
    this.output = output;
    this.input = input;
    this.onKeys = (keys) => {
      const pressed = keys.toString('latin1');
      if (QUIT_KEYS.some((key) => pressed.includes(key))) quit();
    };
    output.write(ENTER);
    output.on('resize', this.onResize);
    input?.setRawMode(true);
    input?.on('data', this.onKeys);
    input?.resume();
  }

  show(report: TopReport): void {
    this.last = report;
    this.draw();
  }

  /** The terminal as it was. */
  leave(): void {
    this.output.off('resize', this.onResize);
    this.output.write(LEAVE);
    this.input?.off('data', this.onKeys);
    this.input?.setRawMode(false);
    this.input?.pause();
  }

  private draw(): void {
    const { last, output } = this;
    if (last === null) return;
    const { rows, columns } = output;
    const lines = [...reportLines(last, roomOf(last, rows)), this.input === null ? '' : 'q: end'];
    const visible = lines.slice(0, rows).map((line) => line.slice(0, columns) + CLEAR_LINE);
    output.write(HOME + visible.join('\r\n') + CLEAR_REST);
  }
}
