/** The arguments of an actor that is spawned on another thread: written as messages are, so that references stay references. */
import type { TransferListItem } from 'node:worker_threads';
import type { ActorAddress } from '../address.js';
import { StructuredReader } from '../mail/structured-reader.js';
import { StructuredWriter } from '../mail/structured-writer.js';
import { Views } from '../mail/views.js';
import type { ActorRef } from '../types.js';

/** Can be posted, with `transfers`; again and again if there are none. */
export interface PackedArgs {
  /** At the beginning of a buffer of a multiple of 8 bytes. */
  readonly bytes: Uint8Array;
  /** What has no bytes. */
  readonly attachments: readonly unknown[];
  readonly transfers: readonly TransferListItem[];
}

/** @throws NotSerializableError, and whatever a getter of the arguments throws */
export function packArgs(args: unknown): PackedArgs {
  const writer = new StructuredWriter();
  writer.write(args);
  const bytes = new Uint8Array(new ArrayBuffer(Math.ceil(writer.length / 8) * 8), 0, writer.length);
  bytes.set(writer.views.u8.subarray(0, writer.length));
  return { bytes, attachments: [...writer.attachments], transfers: [...writer.transfers] as TransferListItem[] };
}

/** The arguments, in the thread that they were posted to. @param ref makes a live reference of that thread */
export function unpackArgs(
  { bytes, attachments }: PackedArgs,
  ref: (address: ActorAddress) => ActorRef<never>,
): unknown {
  return new StructuredReader(ref).read(new Views(bytes.buffer), bytes.byteOffset, bytes.length, attachments);
}
