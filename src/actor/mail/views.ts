/** One piece of memory, seen as numbers of each size. */

/** Little-endian, as every layout of this package. */
export class Views {
  readonly buffer: ArrayBufferLike;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
  /** For what is not aligned. */
  readonly data: DataView;
  /** For the text of Node's own coders. */
  readonly text: Buffer;

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.u8 = new Uint8Array(buffer, 0, buffer.byteLength);
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    this.f64 = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
    this.i64 = new BigInt64Array(buffer, 0, buffer.byteLength >>> 3);
    this.data = new DataView(buffer, 0, buffer.byteLength);
    this.text = Buffer.from(buffer as ArrayBuffer, 0, buffer.byteLength);
  }
}
