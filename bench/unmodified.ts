/** How many requests do programs answer that know nothing of the switch, with it below them? */
import { type Contest, NET_SHM, NODE_NET } from './harness/contest.js';
import type { ProgramName } from './harness/messages.js';
import type { Question } from './harness/question.js';
import { warmCrowd } from './harness/warm-crowd.js';

const SIZE = 64;
const CROWD = 64;
const STREAMS = 100;

function contest(question: string, program: ProgramName, what: string, requesters: number): Contest {
  return {
    question,
    baseline: { ...NODE_NET, spec: { ...NODE_NET.spec, program } },
    contenders: [{ ...NET_SHM, name: `${requesters} ${what}`, spec: { ...NET_SHM.spec, program } }],
    prepare: warmCrowd(requesters),
    measure: (pair, slot) => pair.crowdRoundTrips(SIZE, slot),
    ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
  };
}

/** The question `http`. */
export const http: Question = {
  name: 'http',
  title: 'node:http, keep-alive GET of 64 B between two processes under register',
  target: 'at least 1.5 times the requests per second of the same over TCP loopback, p99 not worse',
  contests: [contest('http', 'http', 'connection', 1), contest('http', 'http', 'connections', CROWD)],
};

/** The question `https`. */
export const https: Question = {
  name: 'https',
  title: 'node:https, keep-alive GET of 64 B between two processes under register',
  target: 'at least as many requests per second as the same over TCP loopback',
  contests: [contest('https', 'https', 'connection', 1), contest('https', 'https', 'connections', CROWD)],
};

/** The question `http2`. */
export const http2: Question = {
  name: 'http2',
  title: `node:http2 over TLS, GET of 64 B on ${STREAMS} streams of one connection between two processes under register`,
  target: 'at least as many requests per second as the same over TCP loopback',
  contests: [contest('http2', 'http2', 'streams', STREAMS)],
};

/** The question `http-undici`. */
export const httpUndici: Question = {
  name: 'http-undici',
  title: `an undici Pool of ${CROWD} connections to fastify, GET of 64 B between two processes under register`,
  target: 'at least 1.3 times the requests per second of the same over TCP loopback',
  contests: [contest('http-undici', 'undici', 'connections', CROWD)],
};

/** The question `ws`. */
export const ws: Question = {
  name: 'ws',
  title: `ws, 64 B echo on ${CROWD} connections at once between two processes under register`,
  target: 'at least twice the messages per second of the same over TCP loopback',
  contests: [contest('ws', 'ws', 'connections', CROWD)],
};

/** The question `grpc`. */
export const grpc: Question = {
  name: 'grpc',
  title: `@grpc/grpc-js, ${CROWD} unary calls of 64 B in flight between two processes under register`,
  target: 'at least as many calls per second as the same over TCP loopback',
  contests: [contest('grpc', 'grpc', 'calls in flight', CROWD)],
};
