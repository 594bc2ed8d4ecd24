import { InvalidOptionError } from 'sanswitch';
import { expect, it } from 'vitest';
import { readOptions, VERBS_DEFAULTS } from '#src/providers/verbs/options.js';

it('the defaults: it listens nowhere, uses every device and serves nothing that it does not find', () => {
  expect(readOptions({})).toEqual(VERBS_DEFAULTS);
  expect(VERBS_DEFAULTS).toMatchObject({ listen: [], devices: null, subnets: [], connectTimeoutMs: 500 });
});

it('what the configuration says', () => {
  const given = {
    listen: ['rxe0', '10.0.0.1'],
    devices: ['rxe0'],
    addresses: ['10.0.0.0/24', 'fd00::/64'],
    ackTimeout: 0,
    retryCount: 0,
    rdmaThresholdBytes: 4096,
  };
  expect(readOptions(given)).toMatchObject({
    listen: ['rxe0', '10.0.0.1'],
    devices: ['rxe0'],
    subnets: [
      { family: 4, address: '10.0.0.0', prefixLength: 24 },
      { family: 6, address: 'fd00::', prefixLength: 64 },
    ],
    ackTimeout: 0,
    retryCount: 0,
    rdmaThresholdBytes: 4096,
    rnrRetryCount: 7,
  });
  expect(readOptions({ listen: 'all' }).listen).toBe('all');
});

it.each([
  [{ lissen: 'all' }, "no option 'lissen'"],
  [{ listen: 'some' }, "listen must be 'all', or an array"],
  [{ listen: [''] }, 'listen must be'],
  [{ devices: 'rxe0' }, 'devices must be an array'],
  [{ devices: null }, 'devices must be an array'],
  [{ addresses: ['10.0.0.0/33'] }, 'addresses must have the form'],
  [{ addresses: ['host/8'] }, 'addresses must have the form'],
  [{ addresses: ['10.0.0.0/8/8'] }, 'addresses must have the form'],
  [{ addresses: ['fe80::1%eth0/64'] }, 'addresses must have the form'],
  [{ ackTimeout: 32 }, 'ackTimeout must be an integer from 0 to 31'],
  [{ retryCount: 7 }, 'retryCount must be an integer from 0 to 6'],
  [{ rnrRetryCount: -1 }, 'rnrRetryCount'],
  [{ connectTimeoutMs: 0 }, 'connectTimeoutMs'],
  [{ connectTimeoutMs: '500' }, 'connectTimeoutMs'],
  [{ registrationCacheBytes: Number.NaN }, 'registrationCacheBytes'],
  [{ rdmaThresholdBytes: 0.5 }, 'rdmaThresholdBytes'],
])('%j is refused, and the message names it', (given, message) => {
  expect(() => readOptions(given)).toThrow(InvalidOptionError);
  expect(() => readOptions(given)).toThrow(message);
});
