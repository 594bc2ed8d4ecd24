/** The messages of the protocol `request`, which `sanswitch echo --protocol request` answers. */

/** Before each request: its length behind this, and how long the answer is to be; unsigned, little-endian. */
export const REQUEST_HEADER_BYTES = 8;
export const REQUEST_LENGTH = 0;
export const ANSWER_LENGTH = 4;

/** A server gives up whoever asks for more, or sends more. */
export const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
