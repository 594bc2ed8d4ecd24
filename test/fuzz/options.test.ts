// What an application may pass: any value is accepted or refused with a coded error, never anything else.
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { checkConfig, type SwitchOptions } from '#src/switch/config.js';
import type { ConnectOptions, ListenOptions } from '#src/switch/requests.js';
import { checkConnect, checkListen } from '#src/switch/validate.js';
import { budget, TIMEOUT_MS } from './budget.js';

const CODED = /^ERR_[A-Z_]+$/;

/** Anything that JavaScript has, the odd ones in particular. */
const anything = fc.oneof(
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  fc.constantFrom<unknown>(
    Number.NaN,
    -0,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    '80',
    ' ',
    '::1',
    '127.0.0.1',
    'shm',
    'shm!',
    'tcp!',
    Symbol('any'),
    () => 1,
    class Any {},
    new Proxy({}, {}),
    new AbortController().signal,
    new Uint8Array(0),
    Object.assign([], { 0: [] }),
    (() => {
      const circular: { self?: unknown } = {};
      circular.self = circular;
      return circular;
    })(),
  ),
);

/** An object with some of these names, and sometimes another. */
function options(names: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const name = fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: fc.string() });
  return fc.dictionary(name, anything, { maxKeys: 4 });
}

function acceptedOrCoded(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof Error) || typeof code !== 'string' || !CODED.test(code) || message === '') throw error;
  }
}

const COMMON = 'highWaterMarkBytes handlers lend receiveBuffer noDelay keepAlive keepAliveInitialDelayMs debug signal';
const CONFIG =
  'providers spinBudgetUs highWaterMarkBytes sanBacklog sanConnectTimeoutMs negotiationTimeoutMs closeTimeoutMs decisionHistory';

describe('options of any kind are accepted, or refused with a code', () => {
  it(
    'of a switch',
    () => {
      const entry = fc.oneof(options(['name', 'provider', 'options', 'required']), anything);
      const some = fc.oneof(
        anything,
        options(CONFIG.split(' ')),
        fc.record({ providers: fc.array(entry, { maxLength: 3 }) }),
      );
      fc.assert(
        fc.property(some, (value) => acceptedOrCoded(() => checkConfig(value as SwitchOptions))),
        // Found by this test: what has no text, or no JSON.
        { ...budget(5_000), examples: [[{ decisionHistory: Object.create(null) }], [{ providers: [{ name: 1n }] }]] },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'of connect',
    () => {
      const names = `${COMMON} port host localAddress localPort family timeoutMs`.split(' ');
      // Port 9 is nobody's here. A wrong option beside a true port gets as far as it can.
      const some = fc.oneof(
        anything,
        options(names),
        options(names).map((rest) => ({ port: 9, ...rest })),
      );
      fc.assert(
        fc.property(some, (value) => acceptedOrCoded(() => checkConnect(value as unknown as ConnectOptions, 1))),
        { ...budget(2_000), examples: [[{ port: 9, host: Symbol('any') }]] },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'of listen',
    () => {
      const names = `${COMMON} port host backlog ipv6Only admit failed`.split(' ');
      fc.assert(
        fc.property(fc.oneof(anything, options(names)), (value) =>
          acceptedOrCoded(() => checkListen(value as ListenOptions, 1)),
        ),
        { ...budget(2_000), examples: [[{ highWaterMarkBytes: [Object.create(null)] }]] },
      );
    },
    TIMEOUT_MS,
  );
});
