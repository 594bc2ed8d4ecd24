/** Programs that others have written, used as their documentation says. */
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { fastify } from 'fastify';
import { Pool } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';
import { listenOn, type Program } from './program-endpoint.js';
import { patterned } from './workloads.js';

const BODY = patterned(64);
const NOTHING = Buffer.alloc(0);
const POOLED = 64;
/** Connections rest while the others of a contest are measured. */
const KEPT_MS = 60_000;

/** These libraries keep their sockets to themselves; the platform tells of each. */
let latest: Socket | undefined;
subscribe('net.client.socket', (message) => {
  latest = (message as { socket: Socket }).socket;
});

/** An undici Pool to fastify. */
export const UNDICI: Program = {
  async listen(host) {
    const app = fastify();
    app.get('/', (_request, reply) => reply.type('application/octet-stream').send(BODY));
    await app.ready();
    return listenOn(app.server, host);
  },
  makeClient(host, port) {
    const pool = new Pool(`http://${host}:${port}`, { connections: POOLED, keepAliveTimeout: KEPT_MS });
    let connected: Socket | undefined;
    subscribe('undici:client:connected', (message) => {
      connected = (message as { socket: Socket }).socket;
    });
    return () => (done) => {
      pool.request({ path: '/', method: 'GET' }).then(
        async ({ body }) => done(null, Buffer.from(await body.arrayBuffer()), connected as Socket),
        (error: Error) => done(error, NOTHING, connected as Socket),
      );
    };
  },
};

/** ws, a connection for each requester. */
export const WS: Program = {
  listen(host) {
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (message) => socket.send(message));
    });
    return listenOn(server, host);
  },
  makeClient: (host, port) => () => {
    const socket = new WebSocket(`ws://${host}:${port}`, { perMessageDeflate: false });
    const own = latest as Socket;
    return (done) => {
      socket.onmessage = ({ data }) => done(null, data as Buffer, own);
      socket.onerror = ({ error }) => done(error as Error, NOTHING, own);
      if (socket.readyState === WebSocket.OPEN) socket.send(BODY);
      else socket.once('open', () => socket.send(BODY));
    };
  },
};

const ECHO_PATH = '/bench.Echo/Echo';
const asIs = (bytes: Buffer): Buffer => bytes;

const ECHO: ServiceDefinition = {
  echo: {
    path: ECHO_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

/** grpc-js, unary calls over one connection. */
export const GRPC: Program = {
  listen(host) {
    const server = new Server();
    server.addService(ECHO, {
      echo: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, call.request),
    });
    return new Promise((resolve, reject) => {
      server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  },
  makeClient(host, port) {
    const client = new Client(`${host}:${port}`, credentials.createInsecure());
    return () => (done) => {
      client.makeUnaryRequest(ECHO_PATH, asIs, asIs, BODY, (error, answer) => {
        done(error, answer ?? NOTHING, latest as Socket);
      });
    };
  },
};
