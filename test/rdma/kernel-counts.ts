/** What the kernel counts of RDMA. */
import { execFileSync } from 'node:child_process';

/** Queue pairs (`qp`), regions (`mr`) and so on of all devices and processes. */
export function kernelCounts(): Record<string, number> {
  const sums: Record<string, number> = {};
  const text = execFileSync('rdma', ['resource', 'show'], { encoding: 'utf8' });
  for (const line of text.trim().split('\n'))
    for (const [, name, count] of line.matchAll(/\b(pd|cq|qp|cm_id|mr|ctx|srq) (\d+)/g))
      sums[name as string] = (sums[name as string] ?? 0) + Number(count);
  return sums;
}
