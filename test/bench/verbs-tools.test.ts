import { describe, expect, it } from 'vitest';
import { median, parseReadBandwidth, parseRstream, parseSendLatency } from '../../bench/harness/verbs-tools.js';

describe('what the RDMA tools print', () => {
  it('is read from rstream', () => {
    const head = 'name      bytes   xfers   iters   total       time     Gb/sec    usec/xfer\n';
    expect(parseRstream(`${head}custom    64      1       1k      125k        1.74s      0.00     867.95\n`)).toEqual({
      usPerTransfer: 867.95,
      gbitPerS: 0,
    });
    expect(parseRstream(head)).toBeNull();
  });

  it('is read from perftest', () => {
    const bandwidth =
      ' #bytes     #iterations    BW peak[MB/sec]    BW average[MB/sec]   MsgRate[Mpps]\n' +
      ' 65536      300              132.46             37.13  \t\t   0.000594\n' +
      '-----------------------\n';
    expect(parseReadBandwidth(bandwidth)).toEqual({ mibPerS: 37.13 });
    const latency =
      ' #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]    t_stdev[usec]   99% percentile[usec]' +
      '   99.9% percentile[usec] \n' +
      ' 64      1000          10.19          19511.04      11.05    \t       1516.40     \t2946.49\t\t10802.37 \t\t19511.04\n' +
      '-----------------------\n';
    expect(parseSendLatency(latency)).toEqual({ p50Us: 11.05, p99Us: 10802.37 });
    expect(parseSendLatency("Couldn't connect to 10.77.0.1:18515\n")).toBeNull();
    expect(parseReadBandwidth('')).toBeNull();
  });

  it('is told by the median', () => {
    expect(median([9, 1, 5])).toBe(5);
  });
});
