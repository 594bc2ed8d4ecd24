/** What threads under a profile note of themselves, each in a file of its own, for whoever takes the profile. */
import { openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ReactorStats } from '../reactor/reactor.js';

/** The environment variable that names the folder of the notes. */
export const NOTES_VARIABLE = 'SANSWITCH_FLAME_NOTES';

/** The environment variable that says what a process is, where its script's name says too little. */
export const TITLE_VARIABLE = 'SANSWITCH_FLAME_TITLE';

/** One JavaScript thread. */
export interface ThreadNote {
  readonly pid: number;
  /** The system's number of the thread. */
  readonly tid: number;
  /** Node's: 0 for the main thread. */
  readonly threadId: number;
  /** What the process is: what it was told, otherwise its script's name. */
  readonly title: string;
  /** What its reactor counted; null: it has none, or not of this copy of the package. */
  readonly reactor: ReactorStats | null;
}

/** Each note is so long, so that it can be written over: a file that replaces another one by its name is flushed to the disk at once. */
const NOTE_BYTES = 1_024;

/** One thread's note. */
export class NoteFile {
  private readonly fd: number;

  /** @throws ENOENT: nobody wants notes any more */
  constructor(folder: string, note: ThreadNote) {
    const file = join(folder, `${note.pid}-${note.threadId}.json`);
    this.fd = openSync(`${file}.part`, 'w');
    this.write(note);
    // Whoever reads it finds all of it.
    renameSync(`${file}.part`, file);
  }

  /** Puts another note in its place. */
  write(note: ThreadNote): void {
    writeSync(this.fd, JSON.stringify(note).padEnd(NOTE_BYTES), 0);
  }
}

/** All notes of a folder. */
export function readNotes(folder: string): ThreadNote[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ThreadNote);
}
