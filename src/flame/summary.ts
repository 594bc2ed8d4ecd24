/** A profile in a few lines of text. */
import { pathToFileURL } from 'node:url';
import { columns } from '../terminal-text.js';
import type { ProfileFiles } from './output.js';
import { meansText, missingText, threadTable } from './page.js';
import type { Recorded } from './recorded.js';
import { timeOf } from './stacks.js';
import { INSTALL_0X } from './zero-x.js';

/** The summary. */
export function summaryText({ profile, rows }: Recorded, files: ProfileFiles): string {
  const all_us = profile.threads.reduce((sum, { stacks }) => sum + timeOf(stacks), 0);
  const shares = profile.threads.map(({ name, stacks }) => {
    const time_us = timeOf(stacks);
    return [name, `${(time_us / 1_000).toFixed(0)} ms`, `${((100 * time_us) / all_us).toFixed(1)} %`];
  });
  const missing = profile.missing.map((one) => `  not shown: ${missingText(one)}\n`);
  const page = files.html === null ? `none: 0x is not installed, ${INSTALL_0X}` : pathToFileURL(files.html).href;
  return `Taken by ${meansText(profile)}.
${missing.join('')}
${columns([['thread', 'busy', 'share'], ...shares])}
${columns(threadTable(rows))}
Flame graph:    ${page}
Folded stacks:  ${files.folded}
For speedscope: ${files.speedscope}
`;
}
