/** Writes a profile: the page, the folded stacks and the file for speedscope. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flamePage } from './page.js';
import type { Recorded } from './recorded.js';
import { speedscopeJson } from './speedscope.js';
import { foldedText } from './stacks.js';
import { draw, find0x } from './zero-x.js';

/** Where the parts go, into folders that are there. */
export interface OutputFiles {
  readonly html: string;
  readonly folded: string;
  readonly speedscope: string;
}

/** What has been written. */
export interface ProfileFiles {
  /** Null: 0x is not installed. */
  readonly html: string | null;
  readonly folded: string;
  readonly speedscope: string;
}

/** The files beside a page, unless they have places of their own. */
export function filesBeside(html: string, folded?: string, speedscope?: string): OutputFiles {
  const base = html.replace(/\.html?$/, '');
  return { html, folded: folded ?? `${base}.folded`, speedscope: speedscope ?? `${base}.speedscope.json` };
}

/** Writes all of it, the page last: the others stand even if it can't be drawn. @throws Error: of the file system, or of 0x */
export async function writeProfile(recorded: Recorded, title: string, files: OutputFiles): Promise<ProfileFiles> {
  const { profile } = recorded;
  writeFileSync(files.folded, foldedText(profile.threads));
  writeFileSync(files.speedscope, speedscopeJson(title, profile));
  const program = find0x();
  if (program === null) return { ...files, html: null };
  const folder = mkdtempSync(join(tmpdir(), 'sanswitch-0x-'));
  try {
    writeFileSync(files.html, flamePage(await draw(program, profile, title, folder), title, recorded));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return files;
}
