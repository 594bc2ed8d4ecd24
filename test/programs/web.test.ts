/** Clients and servers of HTTP that people run. */
import { runs } from './parties.js';

runs('undici', {
  fetched: true,
  streamed: true,
  aborted: 'AbortError',
  pooled: 500,
  pipelined: 500,
  upgraded: 'beyond http',
  overHttp2: 100,
});

const VISIT = [{ hello: 'world' }, { sum: 3 }, { served: 1_000, non2xx: 0, errors: 0, timeouts: 0, mismatches: 0 }];

runs('frameworks', [VISIT, VISIT, VISIT]);
