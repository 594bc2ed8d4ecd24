/**
 * Profiles from within a program: of this process and all its threads, for as long as the caller wants.
 *
 *     const profile = await startProfile({ out: 'load.html', title: 'load', runtime });
 *     ... what is measured ...
 *     const { html, folded, speedscope } = await profile.stop();
 */
import { filesBeside, type ProfileFiles, writeProfile } from './output.js';
import type { Recorded } from './recorded.js';
import { type By, type ReactorSource, startRecording } from './running.js';
import type { Means } from './stacks.js';

/** What to profile, and where it goes. */
export interface ProfileOptions {
  /** The page; the folded stacks and the file for speedscope go beside it. */
  readonly out: string;
  /** The page's title. */
  readonly title: string;
  /** Default: this process, from its main thread. Another one must be this user's. */
  readonly pid?: number;
  /** Default `auto`: perf where it works and the process was started with a map of its functions, otherwise V8's profiles. */
  readonly by?: By;
  /** Whose pollers are counted beside the graph. */
  readonly runtime?: ReactorSource;
}

/** What came of it. */
export interface FinishedProfile extends ProfileFiles {
  readonly recorded: Recorded;
}

/** A profile under way. */
export interface RunningProfile {
  readonly means: Means;
  /** Ends it and writes the files. Call it once. @throws Error: there is no profile, or it can't be written */
  stop(): Promise<FinishedProfile>;
}

/** Begins a profile of a process with all its threads. @returns when it records @throws Error: there can be none, and why */
export async function startProfile(options: ProfileOptions): Promise<RunningProfile> {
  const { out, title, pid = process.pid, by = 'auto', runtime } = options;
  const recording = await startRecording(pid, by, runtime ?? null);
  return {
    means: recording.means,
    async stop() {
      const recorded = await recording.stop();
      return { ...(await writeProfile(recorded, title, filesBeside(out))), recorded };
    },
  };
}
