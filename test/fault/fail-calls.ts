/** Arms test/native/fail_calls.cc: which of the addon's calls fails next, and how. */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

/** Names the control file to the library. */
export const CONTROL_VARIABLE = 'SANSWITCH_FAIL_CALLS';

/** An environment in which the kernel seems to be one before 6.5: it gives no pidfd of a socket's peer. */
export const NO_PEERPIDFD = { SANSWITCH_NO_PEERPIDFD: '1' };

const HEADER_WORDS = 6;
const KIND_BYTES = 40;
const SEEN_WORD = 3;
const FAILED_WORD = 4;
const ATTACHED_WORD = 5;

/** What is to fail. */
export interface Fault {
  /** The function's name: `mmap`, `operator new`, ... */
  readonly kind: string;
  /** What it fails with. */
  readonly error: keyof typeof constants.errno;
  /** From the first failure on all calls fail, as they do in a process that has no descriptors left. */
  readonly lasting: boolean;
}

/** What has happened since the last arming. */
export interface FaultCounts {
  readonly seen: number;
  readonly failed: number;
}

/** Makes an empty control file, which the library needs when it is loaded. */
export function makeControlFile(path: string): void {
  writeFileSync(path, new Uint8Array(HEADER_WORDS * 4 + KIND_BYTES));
}

/** The control file as the process sees it that the library is loaded into. */
export class FailCalls {
  private readonly fd: number;

  /** @throws Error: the library is not there */
  constructor(path: string) {
    this.fd = openSync(path, 'r+');
    if (this.read()[ATTACHED_WORD] !== 1) throw new Error('the library that makes calls fail is not loaded');
  }

  /** The `at`-th call from now on fails (1: the next one). */
  arm({ kind, error, lasting }: Fault, at: number): void {
    this.disarm();
    const name = Buffer.alloc(KIND_BYTES);
    name.write(kind);
    writeSync(this.fd, name, 0, KIND_BYTES, HEADER_WORDS * 4);
    this.write(Int32Array.of(at, constants.errno[error], lasting ? 1 : 0, 0, 0));
  }

  /** Nothing fails any more. */
  disarm(): FaultCounts {
    this.write(Int32Array.of(0));
    const words = this.read();
    return { seen: words[SEEN_WORD] as number, failed: words[FAILED_WORD] as number };
  }

  close(): void {
    closeSync(this.fd);
  }

  private write(words: Int32Array): void {
    writeSync(this.fd, new Uint8Array(words.buffer), 0, words.byteLength, 0);
  }

  private read(): Int32Array {
    const words = new Int32Array(HEADER_WORDS);
    readSync(this.fd, new Uint8Array(words.buffer), 0, words.byteLength, 0);
    return words;
  }
}
