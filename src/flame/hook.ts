/**
 * Preloaded (`--import`) into every JavaScript thread of a command that is profiled: notes which thread it is and what its poller
 * counts, and sees to it that a signal ends the process in a way that lets V8 write its profile.
 */
import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';
import { Reactor } from '../reactor/reactor.js';
import { MAP_OPTIONS } from './map-options.js';
import { NOTES_VARIABLE, NoteFile, type ThreadNote, TITLE_VARIABLE } from './notes.js';

/** A thread that is terminated notes nothing more: its counters are at most this old. */
const NOTE_EVERY_MS = 100;
/** A note has room for so much. */
const TITLE_CHARACTERS_MAX = 100;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function takeNotes(folder: string): void {
  const tid = Number(basename(readlinkSync('/proc/thread-self')));
  const title = (process.env[TITLE_VARIABLE] ?? basename(process.argv[1] ?? 'node')).slice(0, TITLE_CHARACTERS_MAX);
  let reactor: Reactor | null = null;
  const look = (): ThreadNote => {
    // One that has closed keeps its counters.
    reactor = Reactor.existing() ?? reactor;
    return { pid: process.pid, tid, threadId, title, reactor: reactor?.stats() ?? null };
  };
  const file = new NoteFile(folder, look());
  setInterval(() => file.write(look()), NOTE_EVERY_MS).unref();
  process.once('exit', () => file.write(look()));
}

/** V8 keeps a log beside the map of its functions, in the current folder: it is open already, and goes on without a name. */
function dropLogs(): void {
  const asked = `${process.env.NODE_OPTIONS} ${process.execArgv.join(' ')}`;
  // A log that the user wants stays.
  if (!asked.includes(MAP_OPTIONS) || /--(prof|log[-\w]*)\b/.test(asked.replaceAll(MAP_OPTIONS, ''))) return;
  const ours = new RegExp(`^isolate-0x[0-9a-f]+-${process.pid}-v8\\.log$`, 'i');
  for (const name of readdirSync('.')) if (ours.test(name)) rmSync(name, { force: true });
}

/** V8 writes its profile when a process exits, not when a signal kills it. */
function exitOnSignals(): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const isOurs = process.listenerCount(signal) === 1;
      if (isOurs) process.exit(128 + constants.signals[signal]);
    });
  }
}

const folder = process.env[NOTES_VARIABLE];
// A process that outlives whoever took the profile has no folder any more.
if (folder !== undefined && existsSync(folder)) {
  takeNotes(folder);
  dropLogs();
  if (isMainThread) exitOnSignals();
}
