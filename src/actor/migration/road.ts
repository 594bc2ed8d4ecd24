/** What hosts tell each other when an actor moves between them, and what carries it. */
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { SocketHandOver, SwitchOwner } from '../../switch/owner.js';
import type { ActorAddress } from '../address.js';
import type { Gate } from '../runtime/gate.js';
import type { Thrown } from '../runtime/outcome.js';
import type { MovedSocket, SocketOrigin } from '../sockets/moved.js';
import type { ActorDefinition, MailboxOptions, StopReason, SupervisionOptions } from '../types.js';

/** Identifies a move, or the wish for one, at the host that has begun it. */
type MoveId = number;

/** An actor without what only its own thread can hold. */
export interface PackedActor {
  /** Absolute URL of its module. */
  readonly module: string;
  readonly args: unknown;
  /** What its `migrating` has returned. */
  readonly state: unknown;
  readonly mailbox: MailboxOptions;
  readonly supervision: SupervisionOptions;
  readonly name: string | null;
  /** Messages that it has handled, and behaviours that were made for it. */
  readonly handled: number;
  readonly lives: number;
  /** Its addresses so far, in order. */
  readonly former: readonly ActorAddress[];
}

/** A signal that the actor had not been called for. */
export interface PackedSignal {
  readonly kind: 'terminated' | 'drained';
  readonly from: ActorAddress;
  readonly reason: StopReason;
}

/** What an actor still has when it leaves. */
export interface Belongings {
  readonly names: readonly string[];
  readonly watching: readonly ActorAddress[];
  readonly signals: readonly PackedSignal[];
  readonly sockets: readonly MovedSocket[];
}

/** The subjects, in the order of a move. `move-failed` answers `move-prepare` or `move-cell`; so does silence and a death. */
export interface MoveSubjects {
  /** Somebody wants an actor moved. */
  'move-ask': { readonly moveId: MoveId; readonly address: ActorAddress; readonly to: number };
  /** Answer: it lives at `home` now; or `elsewhere` is to be asked; or why not. */
  'move-answer': {
    readonly moveId: MoveId;
    readonly home: ActorAddress | null;
    readonly elsewhere: ActorAddress | null;
    readonly thrown: Thrown | null;
  };
  /** The module is to be loaded; the actor works on meanwhile. Answer: `move-prepared`, with whom sockets are to be handed to. */
  'move-prepare': { readonly moveId: MoveId; readonly module: string; readonly hasSockets: boolean };
  'move-prepared': { readonly moveId: MoveId; readonly owner: SwitchOwner | null };
  /** The actor is to be made; it does nothing yet. Answer: `move-landed`. */
  'move-cell': { readonly moveId: MoveId; readonly actor: PackedActor };
  'move-landed': { readonly moveId: MoveId; readonly home: ActorAddress };
  'move-failed': { readonly moveId: MoveId; readonly thrown: Thrown };
  /** It lives there from now on. */
  'move-go': { readonly moveId: MoveId; readonly belongings: Belongings };
  /** Its sockets have come, or are lost. */
  'move-ashore': { readonly moveId: MoveId };
  /** It lives on where it was. */
  'move-drop': { readonly moveId: MoveId };
  /** To the runtime's own thread: an actor has another address. */
  moved: { readonly from: ActorAddress; readonly to: ActorAddress };
}

declare module '../runtime/gate.js' {
  interface GateSubjects extends MoveSubjects {}
}

/** How a thread's sockets change threads with their actors. */
export interface SocketRoad {
  /** This thread, as somebody whom sockets can be handed to. @throws what making its switch throws */
  owner(): Promise<SwitchOwner>;
  /** Gives a socket of this thread away; it tells nothing any more then. @throws HandOverError: it stays, or has ended */
  handOver(socket: StreamSocket<AnyBytes>, owner: SwitchOwner): Promise<SocketHandOver>;
  /** Takes one over. @param from the host that it comes from @throws what `Switch.adopt` throws: it is lost */
  adopt(moved: MovedSocket, from: number): Promise<StreamSocket<AnyBytes>>;
  /** Whoever took one over has it, or has died. Every one that was given away is settled or discarded in the end. */
  settle(connection: SocketHandOver): void;
  /** Nobody takes one over that was given away: its peer sees a reset. */
  discard(connection: SocketHandOver): void;
  /** One that was given away has come to another host. */
  left(origin: SocketOrigin, from: number, to: number): void;
  /** One that was given away did not come, as far as this host knows: it counts no more. */
  lost(origin: SocketOrigin): void;
}

/** What a host needs to move actors. */
export interface Road {
  readonly gate: Gate;
  readonly sockets: SocketRoad;
  /** That worker's host, as it lives now; null: it does not. */
  hostOf(worker: number): number | null;
  /** Loads an actor module; calls back later, once. */
  load(
    module: string,
    done: (definition: ActorDefinition<unknown, unknown>) => void,
    failed: (error: unknown) => void,
  ): void;
  /** How long a move may take from its beginning until the actor can let go. */
  readonly timeoutMs: number;
}
