/** The test machine itself: two RDMA devices, and a network between them that can be broken. */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });

it('has two RDMA devices', () => {
  expect(run('rdma', 'link', 'show').trim().split('\n')).toEqual([
    expect.stringMatching(/^link rxe0\/1 state ACTIVE .* netdev rx0/),
    expect.stringMatching(/^link rxe1\/1 state ACTIVE .* netdev rx1/),
  ]);
});

it('may lock all memory', () => {
  expect(run('bash', '-c', 'ulimit -l').trim()).toBe('unlimited');
});

it('carries a packet from one device to the other, and drops it when told', async () => {
  const receiver = createSocket('udp4').bind(4_000, '10.77.0.1');
  const sender = createSocket('udp4').bind(0, '10.77.0.2');
  await Promise.all([once(receiver, 'listening'), once(sender, 'listening')]);
  let received = 0;
  receiver.on('message', () => received++);
  const send = async () => {
    const before = received;
    sender.send('hello', 4_000, '10.77.0.1');
    await sleep(500);
    return received - before;
  };
  const packets = () => Number(run('cat', '/sys/class/net/rx0/statistics/rx_packets'));
  const before = packets();
  expect(await send()).toBe(1);
  expect(packets()).toBeGreaterThan(before);
  run('tc', 'qdisc', 'add', 'dev', 'rx1', 'root', 'netem', 'loss', '100%');
  expect(await send()).toBe(0);
  run('tc', 'qdisc', 'del', 'dev', 'rx1', 'root');
  expect(await send()).toBe(1);
  receiver.close();
  sender.close();
});
