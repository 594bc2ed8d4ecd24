/** How many requests do the platform's own HTTP modules answer, with the switch below them? */
import { type Contest, NET_SHM, NODE_NET } from './harness/contest.js';
import type { ProgramName } from './harness/messages.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const CROWD = 64;
const STREAMS = 100;

function contest(program: ProgramName, what: string, requesters: number): Contest {
  return {
    question: program,
    baseline: { ...NODE_NET, spec: { ...NODE_NET.spec, program } },
    contenders: [{ ...NET_SHM, name: `${requesters} ${what}`, spec: { ...NET_SHM.spec, program } }],
    prepare: async (pair) => {
      await pair.gather(requesters, 0);
      return {};
    },
    measure: (pair, slot) => pair.crowdRoundTrips(SIZE, slot),
    ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
  };
}

/** The question `http`. */
export const http: Question = {
  name: 'http',
  title: 'node:http, keep-alive GET of 64 B between two processes under register',
  target: 'at least 1.5 times the requests per second of the same over TCP loopback, p99 not worse',
  contests: [contest('http', 'connection', 1), contest('http', 'connections', CROWD)],
};

/** The question `https`. */
export const https: Question = {
  name: 'https',
  title: 'node:https, keep-alive GET of 64 B between two processes under register',
  target: 'at least as many requests per second as the same over TCP loopback',
  contests: [contest('https', 'connection', 1), contest('https', 'connections', CROWD)],
};

/** The question `http2`. */
export const http2: Question = {
  name: 'http2',
  title: `node:http2 over TLS, GET of 64 B on ${STREAMS} streams of one connection between two processes under register`,
  target: 'at least as many requests per second as the same over TCP loopback',
  contests: [contest('http2', 'streams', STREAMS)],
};
