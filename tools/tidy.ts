/**
 * Checks the rules of the house that no other tool checks (tools/tidy/rules.ts) on every file that git knows or would
 * add. Ends with 1 and one line per finding if something is not tidy.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { checkSource } from './tidy/rules.js';
import { type Finding, makeSource } from './tidy/source.js';

const isText =
  /\.([cm]?[tj]s|cc|h|json|md|sh|gyp|yml|html|css)$|^(\.ci\/run|\.npmrc|\.gitignore|\.editorconfig|LICENSE)$/;

function listFiles(): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const output = execFileSync('git', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(output.split('\0'))].filter((path) => isText.test(path)).sort();
}

function check(path: string): Finding[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Deleted, but git has not been told yet.
    return [];
  }
  return checkSource(makeSource(path, text));
}

const paths = listFiles();
const findings = paths.flatMap(check);
for (const { path, line, rule, message } of findings) console.log(`${path}:${line}: ${rule}: ${message}`);
console.log(`tidy: ${paths.length} files, ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;
