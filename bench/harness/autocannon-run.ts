/** One run of autocannon in a process of its own: PORT RATE CONNECTIONS SECONDS. Prints its processor time per request, as JSON. */
import autocannon from 'autocannon';

const [port, rate, connections, duration_s] = process.argv.slice(2).map(Number) as [number, number, number, number];
const WARMUP_S = 1;

const run = (duration: number) =>
  autocannon({ url: `http://127.0.0.1:${port}/`, connections, duration, overallRate: rate });

await run(WARMUP_S);
const before = process.cpuUsage();
const { requests, errors, non2xx } = await run(duration_s);
const { user, system } = process.cpuUsage(before);
process.stdout.write(
  `${JSON.stringify({ us_per_request: (user + system) / requests.total, requests: requests.total, failed: errors + non2xx })}\n`,
);
process.disconnect?.();
