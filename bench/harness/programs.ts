/** HTTP in its kinds, by the platform's own modules, used as their documentation says. */
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from 'node:http';
import { connect, createSecureServer } from 'node:http2';
import { createServer as createTlsServer, Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { CERTIFICATE } from './certificate.js';
import { type Ask, listenOn, type Program } from './program-endpoint.js';
import { patterned } from './workloads.js';

const BODY = patterned(64);
const HEADERS = { 'content-type': 'application/octet-stream', 'content-length': BODY.length };
const NOTHING = Buffer.alloc(0);
/** Its connections rest while the others of a contest are measured: 0, they are kept however long that takes. */
const KEPT = { keepAliveTimeout: 0 };

function answer(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, HEADERS);
  response.end(BODY);
}

/** A client with one connection of its own, kept alive. */
function keepAlive(ask: typeof request, options: RequestOptions): Ask {
  return (done) => {
    const asked = ask(options, (response) => {
      const { socket } = response;
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => done(null, pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces), socket));
    });
    asked.on('error', (error) => done(error, NOTHING, asked.socket as Socket));
    asked.end();
  };
}

/** `node:http`. */
export const HTTP: Program = {
  listen: (host) => listenOn(createServer(KEPT, answer), host),
  makeClient: (host, port) => () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    return keepAlive(request, { host, port, agent });
  },
};

/** `node:https`. */
export const HTTPS: Program = {
  listen: (host) => listenOn(createTlsServer({ ...CERTIFICATE, ...KEPT }, answer), host),
  makeClient: (host, port) => () => {
    const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, ca: CERTIFICATE.cert, servername: 'localhost' });
    return keepAlive(tlsRequest, { host, port, agent });
  },
};

/** `node:http2` over TLS: one connection, on which every requester has one stream at a time. */
export const HTTP2: Program = {
  listen(host) {
    const server = createSecureServer(CERTIFICATE);
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, ...HEADERS });
      stream.end(BODY);
    });
    return listenOn(server, host);
  },
  makeClient(host, port) {
    const session = connect(`https://${host}:${port}`, { ca: CERTIFICATE.cert, servername: 'localhost' });
    let failure: Error | null = null;
    session.on('error', (error) => {
      failure = error;
    });
    return () => (done) => {
      const stream = session.request({ ':path': '/' });
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => done(null, Buffer.concat(pieces), session.socket as Socket));
      stream.on('error', (error) => done(failure ?? error, NOTHING, session.socket as Socket));
      stream.end();
    };
  },
};
