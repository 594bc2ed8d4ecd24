/** The platform's own protocols over the switch, unmodified. */
import { createHash } from 'node:crypto';
import { runs } from './parties.js';

const HASH = createHash('sha256')
  .update(Buffer.alloc(1 << 20, 'pieceful'))
  .digest('hex');
const UPLOADED = `chunked 1048576 ${HASH}`;

runs('http', {
  hello: ['hello'],
  reused: 4,
  large: 1 << 20,
  trailers: { 'x-sum': '4' },
  upload: UPLOADED,
  expected: UPLOADED,
  refused: 417,
  upgrade: '101 beyond http',
  pipelined: 100,
  broken: 'ECONNRESET',
});

const POSTED = { isWhole: true };
const BY_CERTIFICATE = { alpn: false, isReused: true, isWhole: true };

runs('https', {
  posts: [
    { ...POSTED, isReused: false },
    { ...POSTED, isReused: true },
  ],
  anonymous: { greeting: 'echo/1 false false', alpn: 'echo/1', isReused: false, isWhole: true },
  resumed: { ...BY_CERTIFICATE, greeting: 'false true true' },
  resumedByTicket: { ...BY_CERTIFICATE, greeting: 'false true true' },
  withoutCertificate: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  withoutAuthority: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  withoutCommonProtocol: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
  turning: { word: 'go ahead', greeting: 'false false false', alpn: false, isReused: false, isWhole: true },
});

const SESSION = {
  streams: 1_000,
  echoes: Array(8).fill(true),
  trailers: '4',
  refused: 'Stream closed with error code NGHTTP2_REFUSED_STREAM',
  cancelled: 8,
  ping: 'pingpong',
};

runs('http2', [
  { ...SESSION, protocol: 'h2c' },
  { ...SESSION, protocol: 'h2' },
]);

runs('early-tls', ['early', 'early'], 'tcp');
