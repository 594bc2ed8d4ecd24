/** Databases' clients and servers. */
import { runs } from './parties.js';

runs('pg', {
  rows: 1_000,
  bytes: true,
  duplicate: '23505',
  nonsense: '42601',
  transaction: 1_000,
  pooled: [2, 3, 4],
});

runs('redis', {
  set: 100,
  got: 100,
  missing: null,
  again: null,
  failure: 'ERR unknown command',
  version: '3.0.0',
});
