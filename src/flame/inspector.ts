/** The inspector's protocol, of this process and of another one. */
import { Session } from 'node:inspector';
import { WebSocketClient } from './web-socket.js';

/** Where requests go, and events come from. */
export interface Inspector {
  /** @throws Error: the inspector refuses, in its words; the connection has ended */
  post(method: string, params?: object): Promise<Record<string, unknown>>;
  onEvent(listener: (method: string, params: Record<string, unknown>) => void): void;
  close(): void;
}

/** The inspector of this thread. */
export function ownInspector(): Inspector {
  const session = new Session();
  session.connect();
  return {
    post: (method, params) =>
      new Promise((resolve, reject) => {
        session.post(method, params, (error, result) => {
          if (error === null) resolve((result ?? {}) as Record<string, unknown>);
          else reject(new Error(`${method}: ${error.message}`));
        });
      }),
    onEvent(listener) {
      session.on('inspectorNotification', (event: { method: string; params: unknown }) => {
        listener(event.method, event.params as Record<string, unknown>);
      });
    },
    close: () => session.disconnect(),
  };
}

interface Waiting {
  readonly method: string;
  resolve(result: Record<string, unknown>): void;
  reject(error: Error): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Requests and answers over anything that carries text both ways. */
export class MessageInspector implements Inspector {
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners: ((method: string, params: Record<string, unknown>) => void)[] = [];
  private readonly send: (text: string) => void;
  private readonly end: () => void;
  private next = 1;
  private isEnded = false;

  /** @param send takes a request @param end called by close() */
  constructor(send: (text: string) => void, end: () => void) {
    this.send = send;
    this.end = end;
  }

  post(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      if (this.isEnded) {
        reject(new Error(`${method}: the connection has ended`));
        return;
      }
      const id = this.next++;
      this.waiting.set(id, { method, resolve, reject });
      this.send(JSON.stringify({ id, method, params }));
    });
  }

  onEvent(listener: (method: string, params: Record<string, unknown>) => void): void {
    this.listeners.push(listener);
  }

  /** Takes what has come. */
  receive(text: string): void {
    const { id, method, params, result, error } = JSON.parse(text) as Message;
    if (method !== undefined) for (const listener of this.listeners) listener(method, params ?? {});
    const waiting = this.waiting.get(id ?? 0);
    if (waiting === undefined) return;
    this.waiting.delete(id ?? 0);
    if (error === undefined) waiting.resolve(result ?? {});
    else waiting.reject(new Error(`${waiting.method}: ${error.message}`));
  }

  /** Nothing more comes: whoever waits hears of it. */
  ended(): void {
    this.isEnded = true;
    for (const { method, reject } of this.waiting.values()) reject(new Error(`${method}: the connection has ended`));
    this.waiting.clear();
  }

  close(): void {
    this.end();
  }
}

/** The inspector at a WebSocket's address. @throws Error: it can't be reached */
export async function remoteInspector(url: string): Promise<Inspector> {
  const socket = await WebSocketClient.connect(url);
  const inspector = new MessageInspector(
    (text) => socket.send(text),
    () => socket.close(),
  );
  socket.onText = (text) => inspector.receive(text);
  socket.onEnd = () => inspector.ended();
  return inspector;
}
