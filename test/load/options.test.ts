/** The command line of `sanswitch load`: what it means, and each mistake in one line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberError, type NumberRange, readMix, readNumber, readNumbers } from '#src/load/numbers.js';
import { LoadOptionError, type LoadValues, readOrder } from '#src/load/options.js';
import type { LoadRun } from '#src/load/report.js';
import { sizeText } from '#src/load/sizes.js';
import { holds, readSlo, SloError } from '#src/load/slo.js';
import { protocolFor, readTarget, TargetError } from '#src/load/target.js';

const WHOLE: NumberRange = { name: '--n', least: 1, most: 1_000_000, isWhole: true };
const ANY: NumberRange = { name: '--x', least: 0, most: 1_000_000, isWhole: false };

const USUAL: LoadValues = {
  connections: '1',
  workers: '1',
  size: '64',
  arrivals: 'constant',
  duration: '10',
  warmup: '1',
  search: false,
  strict: false,
  tick: '0',
  tolerance: '1',
  timeout: '5',
  seed: '1',
};
const TARGET = 'tcp://127.0.0.1:7000';

function orderOf(values: Partial<LoadValues>, target: string | undefined = TARGET) {
  return readOrder(target, { ...USUAL, ...values }, 'load');
}

describe('numbers', () => {
  it.each([
    ['64', 64],
    ['10k', 10_000],
    ['64Ki', 65_536],
    ['0.5Ki', 512],
    ['1.5k', 1_500],
    ['1M', 1_000_000],
    [' 7 ', 7],
  ])('%j is %i', (text, value) => {
    expect(readNumber(text, WHOLE)).toBe(value);
  });

  it.each([
    '',
    ' ',
    '-1',
    '+1',
    '1e3',
    '0x10',
    '.5',
    '5.',
    '1,000',
    '1 000',
    'ten',
    'NaN',
    'Infinity',
    '1K',
    '1Mi',
    '0',
    '1.5',
  ])('%j is no whole number from 1 to a million', (text) => {
    expect(() => readNumber(text, WHOLE)).toThrow(NumberError);
    expect(() => readNumber(text, WHOLE)).toThrow(`--n wants a whole number from 1 to 1000000, not '${text}'`);
  });

  it('takes a list, and ranges that double or have equal ratios', () => {
    expect(readNumbers('1000,5k', WHOLE)).toEqual([1_000, 5_000]);
    expect(readNumbers('1k..8k', WHOLE)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(readNumbers('1k..9k', WHOLE)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(readNumbers('1k..16kx3', WHOLE)).toEqual([1_000, 4_000, 16_000]);
    expect(readNumbers('0.5..4', ANY)).toEqual([0.5, 1, 2, 4]);
    expect(readNumbers('7,1k..2k', WHOLE)).toEqual([7, 1_000, 2_000]);
    // What rounding makes alike is run once.
    expect(readNumbers('1..3x5', WHOLE)).toEqual([1, 2, 3]);
  });

  it('has both ends of any range, and what is between goes upwards', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400_000 }), fc.integer({ min: 2, max: 100 }), (first, steps) => {
        const list = readNumbers(`${first}..${first * 2}x${steps}`, WHOLE);
        expect([list[0], list[list.length - 1]]).toEqual([first, first * 2]);
        expect(list.every((one, i) => i === 0 || one > (list[i - 1] as number))).toBe(true);
        if (first > 1_000) expect(list).toHaveLength(steps);
      }),
    );
  });

  it.each([
    '2..1',
    '5..5',
    '1..2x1',
    '1..2x101',
    '1..2x0',
    '3..5',
    '0..8',
    '1..',
    '..5',
    '1..2..3',
    '1,,2',
    '1..x5',
    '1..2x-3',
    '1..9M',
  ])('%j is no list', (text) => {
    expect(() => readNumbers(text, ANY)).toThrow(NumberError);
  });

  it('takes sizes that are drawn, and writes them as they were', () => {
    expect(readMix('64', WHOLE)).toEqual([{ least: 64, most: 64, weight: 1 }]);
    expect(readMix('64-1Ki:2.5/4Ki', WHOLE)).toEqual([
      { least: 64, most: 1_024, weight: 2.5 },
      { least: 4_096, most: 4_096, weight: 1 },
    ]);
    for (const text of ['64', '64-1024', '64:9/4096:1']) expect(sizeText(readMix(text, WHOLE))).toBe(text);
  });

  it.each([
    '',
    '/',
    '64/',
    '64:',
    '64:0',
    '64:-1',
    '64:x',
    '64:1e999',
    '64:0x1',
    '64: 1',
    '1024-64',
    '64-',
    '-64',
    '64:9:3',
    '1-2-3',
    '0',
    '64;9',
  ])('%j is no mix', (text) => {
    expect(() => readMix(text, WHOLE)).toThrow(NumberError);
  });

  it('says of any text whether it is one, in one line', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.kMix:/,-]{1,12}$/));
    fc.assert(
      fc.property(text, (any) => {
        for (const read of [readNumber, readNumbers, readMix] as const) {
          try {
            read(any, WHOLE);
          } catch (error) {
            expect(error).toBeInstanceOf(NumberError);
          }
        }
      }),
    );
  });
});

describe('limits', () => {
  it.each([
    ['p99<100us', 99, 100],
    ['p99.9 < 1.5ms', 99.9, 1_500],
    ['p50<=20µs', 50, 20],
    ['max<2s', 100, 2e6],
    ['p99.999<500ns', 99.999, 0.5],
  ])('%s', (text, percentile, limit_us) => {
    expect(readSlo(text)).toMatchObject({ text, percentile, limit_us });
  });

  it.each([
    '',
    'p99',
    'p99<',
    'p99<100',
    'p98<1ms',
    'p99>1ms',
    'p99<-1ms',
    'p99<0us',
    '99<1ms',
    'p99<1m',
    'p9.9.9<1ms',
    'max',
    'mean<1ms',
    'p99<1ms p50<1ms',
  ])('%j is none', (text) => {
    expect(() => readSlo(text)).toThrow(SloError);
    expect(() => readSlo(text)).toThrow(`not '${text}'`);
  });

  it('are held by valid runs without failures alone, below them, corrected', () => {
    const latency = (us: number) => ({
      count: 10,
      mean_us: us,
      stddev_us: 0,
      min_us: us,
      max_us: us * 2,
      percentiles: [{ percentile: 99, us }],
      hdr: '',
    });
    const run = { is_valid: true, failed: 0, corrected: latency(50), raw: latency(10) } as unknown as LoadRun;
    expect(holds(readSlo('p99<51us'), run)).toBe(true);
    expect(holds(readSlo('p99<50us'), run)).toBe(false);
    expect(holds(readSlo('p99<=50us'), run)).toBe(true);
    expect(holds(readSlo('max<99us'), run)).toBe(false);
    expect(holds(readSlo('max<101us'), run)).toBe(true);
    expect(holds(readSlo('p99<11us'), { ...run, corrected: null })).toBe(true);
    for (const broken of [{ is_valid: false }, { failed: 1 }, { corrected: { ...latency(1), count: 0 } }]) {
      expect(holds(readSlo('p99<1s'), { ...run, ...broken })).toBe(false);
    }
    expect(holds(readSlo('p99<1s'), { ...run, corrected: null, raw: null })).toBe(false);
  });
});

describe('targets', () => {
  it.each([
    ['tcp://127.0.0.1:7000', '127.0.0.1', 7_000, ['tcp!'], 'echo'],
    ['tcp://localhost:80', 'localhost', 80, ['tcp!'], 'echo'],
    ['shm://[::1]:80', '::1', 80, ['shm', 'tcp'], 'echo'],
    ['san://host.example:65535', 'host.example', 65_535, ['shm', 'verbs', 'tcp'], 'echo'],
    ['http://host', 'host', 80, ['shm', 'tcp'], 'http'],
    ['http://[::1]:8080/a?b=c', '::1', 8_080, ['shm', 'tcp'], 'http'],
    ['ws://host/chat', 'host', 80, ['shm', 'tcp'], 'ws'],
  ])('%s', (text, host, port, providers, protocol) => {
    const target = readTarget(text, false, null);
    expect(target).toMatchObject({ url: text, host, port, providers });
    expect(protocolFor(target, undefined)).toBe(protocol);
  });

  it('say who may serve', () => {
    expect(readTarget('shm://h:1', true, null).providers).toEqual(['shm!']);
    expect(readTarget('verbs://h:1', true, null).providers).toEqual(['verbs!']);
    expect(readTarget('tcp://h:1', true, null).providers).toEqual(['tcp!']);
    expect(readTarget('san://h:1', false, ['verbs!']).providers).toEqual(['verbs!']);
    expect(readTarget('http://h/a?b=c', false, null).path).toBe('/a?b=c');
  });

  it.each([
    '',
    'tcp',
    'tcp:',
    'tcp://',
    'tcp://host',
    'tcp://:80',
    'tcp://host:0',
    'tcp://host:70000',
    'tcp://host:x',
    'tcp://host:1/path',
    'tcp://host:1?a',
    'tcp://host:1#a',
    'udp://host:1',
    'https://host',
    'http://user@host',
    'http://:secret@host',
    '127.0.0.1:7000',
    'http://host:0',
  ])('%j is none', (text) => {
    expect(() => readTarget(text, false, null)).toThrow(TargetError);
  });

  it('speak what they can', () => {
    const tcp = readTarget(TARGET, false, null);
    for (const one of ['echo', 'stream', 'request', 'http']) expect(protocolFor(tcp, one)).toBe(one);
    for (const one of ['ws', 'udp', '']) expect(protocolFor(tcp, one)).toBeNull();
    expect(protocolFor(readTarget('http://h', false, null), 'echo')).toBeNull();
    expect(protocolFor(readTarget('ws://h', false, null), 'http')).toBeNull();
  });
});

describe('orders', () => {
  it('are one run for each size and rate, each with a name of its own', () => {
    const { plans, settings } = orderOf({ size: '64,1Ki', rate: '1k..4k', connections: '3' });
    expect(plans.map(({ name }) => name)).toEqual([
      '64 B, 1000/s',
      '64 B, 2000/s',
      '64 B, 4000/s',
      '1024 B, 1000/s',
      '1024 B, 2000/s',
      '1024 B, 4000/s',
    ]);
    expect(plans.every(({ inFlight, connections }) => inFlight === 64 && connections === 3)).toBe(true);
    expect(settings).toMatchObject({ loop: 'open', arrivals: 'constant', protocol: 'echo', connections: 3 });
  });

  it('are closed loops with --in-flight alone', () => {
    const { plans, settings } = orderOf({ 'in-flight': '8' });
    expect(plans).toMatchObject([{ name: '64 B, closed loop, 8 in flight', rate_per_s: null, inFlight: 8 }]);
    expect(settings).toMatchObject({ loop: 'closed', arrivals: null });
  });

  it('know what is usual', () => {
    expect(orderOf({ rate: '5' }, 'http://h/').plans).toMatchObject([{ inFlight: 1, name: '5/s', protocol: 'http' }]);
    const { plans, isSearch, settings } = orderOf({ search: true, slo: 'p99<1ms' });
    expect([plans.length, isSearch, settings.loop]).toEqual([1, true, 'open']);
    expect(plans[0]).toMatchObject({ rate_per_s: null, warmup_ms: 1_000, duration_ms: 10_000, patience_ms: 5_000 });
    expect(orderOf({ rate: '1', size: '64', answer: '1Ki', protocol: 'request' }).plans[0]?.answers).toEqual([
      { least: 1_024, most: 1_024, weight: 1 },
    ]);
  });

  it.each<[Partial<LoadValues>, string]>([
    [{}, 'say --rate (an open loop: so many requests a second), --in-flight (a closed one) or --search'],
    [{ rate: '0' }, "--rate wants a number from 0.1 to 100000000, not '0'"],
    [{ rate: '1', 'in-flight': '0' }, "--in-flight wants a whole number from 1 to 65536, not '0'"],
    [{ rate: '1', connections: '1.5' }, "--connections wants a whole number from 1 to 100000, not '1.5'"],
    [{ rate: '1', workers: '0' }, "--workers wants a whole number from 1 to 128, not '0'"],
    [{ rate: '1', size: '0' }, "--size wants a whole number from 1 to 67108864, not '0'"],
    [{ rate: '1', duration: '0' }, "--duration wants a number from 0.1 to 86400, not '0'"],
    [{ rate: '1', warmup: '-1' }, "--warmup wants a number from 0 to 3600, not '-1'"],
    [{ rate: '1', requests: '0' }, "--requests wants a whole number from 1 to 1000000000000, not '0'"],
    [{ rate: '1', requests: '2', connections: '3' }, '--requests: at least one for each of the 3 connections'],
    [{ rate: '1', seed: 'x' }, "--seed wants a whole number from 0 to 4294967295, not 'x'"],
    [{ rate: '1', tick: '2000' }, "--tick wants a number from 0 to 1000, not '2000'"],
    [{ rate: '1', timeout: '0' }, "--timeout wants a number from 0.1 to 3600, not '0'"],
    [{ rate: '1', tolerance: '0' }, "--tolerance wants a number from 0.01 to 10000, not '0'"],
    [{ rate: '1', arrivals: 'often' }, "--arrivals is constant or poisson, not 'often'"],
    [{ rate: '1', protocol: 'udp' }, "--protocol 'udp' is not spoken at tcp://127.0.0.1:7000"],
    [
      { rate: '1', slo: 'p99' },
      "--slo wants a percentile and a limit, as in p99<100us (p50, p75, p90, p99, p99.9, p99.99, p99.999 or max), not 'p99'",
    ],
    [{ search: true }, '--search looks for the highest rate that holds an --slo: say which'],
    [{ search: true, slo: 'p99<1ms', rate: '5' }, '--search finds the rate itself: leave --rate out'],
    [{ search: true, slo: 'p99<1ms', size: '64,128' }, '--search looks for the rate of one --size, not of 2'],
    [{ rate: '1', slo: 'p99<1ms', protocol: 'stream' }, '--slo is about answers: --protocol stream has none'],
    [
      { rate: '1', strict: true, providers: 'shm' },
      "--strict is about the target's provider: with --providers write shm! instead",
    ],
  ])('%j is a mistake', (values, message) => {
    expect(() => orderOf(values)).toThrow(LoadOptionError);
    expect(() => orderOf(values)).toThrow(message);
    expect(message).not.toContain('\n');
  });

  it.each(['san', 'http', 'ws'])('%s:// names no provider to be strict about', (scheme) => {
    expect(() => orderOf({ rate: '1', strict: true }, `${scheme}://127.0.0.1:7000`)).toThrow(
      `--strict is about the target's provider: ${scheme}:// names none`,
    );
  });

  it('want a target', () => {
    expect(() => readOrder(undefined, { ...USUAL, rate: '1' }, 'load')).toThrow('load what? a target, as in:');
  });
});
