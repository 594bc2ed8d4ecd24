/** What pages may do. */

/** A page may load nothing, neither from the network nor from a file; this is what a browser makes sure of it by. */
export const NOTHING_FROM_OUTSIDE = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">`;
