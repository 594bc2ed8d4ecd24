/** One other host, as this thread reaches it: the link to it, its depth table, and how its actors' messages are written. */
import { NotSerializableError, RingCorruptError } from '../../errors.js';
import { rethrowLater } from '../../rethrow.js';
import { ActorAddress } from '../address.js';
import { DepthTable } from '../depth-table.js';
import type { ActorHost } from '../host.js';
import { codecOfFields } from '../mail/codecs.js';
import type { FixedCodec } from '../mail/fixed-codec.js';
import { MailLink } from '../mail/link.js';
import type { MailSink } from '../mail/sink.js';
import type { FieldsSignal, GateSignal, Refusal, Signal } from '../remote.js';
import type { ActorRef, TellResult } from '../types.js';
import type { Gate } from './gate.js';
import type { MailTicket } from './tickets.js';

interface KnownCodec {
  readonly generation: number;
  readonly codec: FixedCodec;
}

/**
 * See the top of this file. A teller does not know what fields an actor on another thread declares: its first message goes in
 * any form, the actor's host answers with the declaration, and messages of that form go by it from then on.
 */
export class Correspondent implements MailSink {
  readonly peer: number;
  readonly link: MailLink;
  /** Gate signals are for no actor; some address they must bear. */
  private readonly peersAgent: ActorAddress;
  private readonly table: DepthTable;
  private readonly host: ActorHost;
  private readonly gate: Gate;
  private readonly left: (peer: number) => void;
  /** By slot of the other host. */
  private readonly codecs = new Map<number, KnownCodec>();
  /** The actor that was told last, and its codec. */
  private lastTarget: ActorAddress | null = null;
  private lastCodec: FixedCodec | null = null;
  /** Generations, by slot of our own host, of the actors whose fields the other host was told. */
  private readonly announced = new Map<number, number>();
  /** The message that is delivered now came by its fields. */
  private isFixed = false;

  /** @param left the other host has ended @throws SystemError, NativeUnavailableError */
  constructor(ticket: MailTicket, host: ActorHost, gate: Gate, left: (peer: number) => void) {
    this.peer = ticket.peer;
    this.peersAgent = new ActorAddress(ticket.peer, 0, 1);
    this.table = new DepthTable(ticket.table);
    this.host = host;
    this.gate = gate;
    this.left = left;
    this.link = new MailLink(ticket.end, this);
  }

  /** @throws NotSerializableError, what a getter of the message throws; nothing is sent then */
  tell(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult {
    const { slot } = address;
    const reserved = this.table.reserve(slot, address.generation);
    if (reserved === 'refused') return reserved;
    let sent: TellResult = 'refused';
    try {
      sent = this.send(address, message, sender);
    } finally {
      if (sent === 'refused') this.table.release(slot);
    }
    return sent === 'sent' ? reserved : sent;
  }

  /** @see RemoteMail.refusal */
  refusal(address: ActorAddress): Refusal {
    return this.table.refusal(address.slot, address.generation);
  }

  signal(address: ActorAddress, signal: Signal): void {
    this.link.signal(address, signal);
  }

  /** Tells the other host's gate. @returns false: the link is closed @throws NotSerializableError */
  tellGate(subject: string, body: unknown): boolean {
    if (this.link.isClosed) return false;
    this.link.signal(this.peersAgent, { kind: 'gate', subject, body });
    return true;
  }

  depth(slot: number): number {
    return this.table.depth(slot);
  }

  // ------------------------------------------------------------ for the link

  codecOf(slot: number, generation: number): FixedCodec | null {
    this.isFixed = true;
    return codecOfFields(this.host.fieldsOf(slot, generation));
  }

  deliver(slot: number, generation: number, message: unknown, sender: ActorAddress | null): void {
    if (this.isFixed) this.isFixed = false;
    else this.announce(slot, generation);
    this.host.deliver(slot, generation, message, sender);
  }

  undeliverable(slot: number, generation: number, sender: ActorAddress | null): void {
    this.isFixed = false;
    this.host.undeliverable(slot, generation, sender);
  }

  signalled(slot: number, generation: number, signal: Signal | FieldsSignal | GateSignal): void {
    if (signal.kind === 'gate') {
      this.gate.received(this.peer, signal.subject, signal.body);
      return;
    }
    if (signal.kind !== 'fields') {
      this.host.signalled(slot, generation, signal);
      return;
    }
    const codec = codecOfFields(signal.fields);
    if (codec !== null) this.codecs.set(signal.from.slot, { generation: signal.from.generation, codec });
    this.lastTarget = null;
  }

  ref(address: ActorAddress): ActorRef<never> {
    return this.host.ref(address);
  }

  run(): void {
    this.host.run();
  }

  ended(_link: MailLink, error: unknown): void {
    // Nonsense of our own threads is a mistake of this library's, which nobody should miss.
    if (error instanceof RingCorruptError) rethrowLater(error);
    this.left(this.peer);
  }

  // ------------------------------------------------------------ inside

  private send(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult {
    const codec = address === this.lastTarget ? this.lastCodec : this.codecFor(address);
    if (codec === null) return this.link.tell(address, message, sender, null);
    try {
      return this.link.tell(address, message, sender, codec);
    } catch (error) {
      if (!(error instanceof NotSerializableError)) throw error;
      // A message of another form than the declared one.
      return this.link.tell(address, message, sender, null);
    }
  }

  private codecFor(address: ActorAddress): FixedCodec | null {
    const known = this.codecs.get(address.slot);
    this.lastTarget = address;
    this.lastCodec = known?.generation === address.generation ? known.codec : null;
    return this.lastCodec;
  }

  /** Tells the other host what fields one of our actors declares, once. */
  private announce(slot: number, generation: number): void {
    const fields = this.host.fieldsOf(slot, generation);
    if (fields === undefined || this.announced.get(slot) === generation) return;
    this.announced.set(slot, generation);
    const address = new ActorAddress(this.host.id, slot, generation);
    this.link.signal(address, { kind: 'fields', from: address, fields });
  }
}
