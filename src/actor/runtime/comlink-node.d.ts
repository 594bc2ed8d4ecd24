// comlink ships the types of this module under a name that TypeScript does not look for beside an .mjs file.
declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { MessagePort } from 'node:worker_threads';
  import type { Endpoint } from 'comlink';

  /** Makes a MessagePort look as comlink wants it. */
  export default function nodeEndpoint(port: MessagePort): Endpoint;
}
