// What `npm run test:rdma` runs, each in a machine of its own.

import { buildProgram } from '../native/build.mjs';

/**
 * name     as in `--only NAME` and in the lines of the report
 * network  of the machine, see guest/network
 * tests    files, or parts of their names, as vitest takes them
 * title    only tests whose title matches it
 * env      what the tests are told beside `hostEnv`
 * limit_s  from when the machine is up
 * machine  it can run in the machine alone: it breaks the network on purpose, or is about Soft-RoCE
 * prepare  builds what would take the machine too long
 *
 * @typedef {object} Suite
 * @property {string} name
 * @property {'dummy' | 'veth'} network
 * @property {string[]} tests
 * @property {string} [title]
 * @property {Record<string, string>} [env]
 * @property {number} limit_s
 * @property {boolean} [machine]
 * @property {() => Promise<unknown>} [prepare]
 */

const LINK_DOWN = [
  'our link goes down',
  'the link of the peer goes down:',
  'the link of the peer goes down while the connection is idle',
  'our device is removed',
  'the device of the peer is removed',
];

const fakeTests = ['fake_verbs_test', 'fake_verbs_memory_test', 'fake_verbs_events_test'];

/** @type {Suite[]} */
export const suites = [
  { name: 'network', network: 'veth', tests: ['test/rdma/network'], limit_s: 60, machine: true },
  {
    name: 'tools',
    network: 'dummy',
    tests: ['test/rdma/tools', 'test/rdma/top', 'test/rdma/doctor', 'test/rdma/examples'],
    limit_s: 200,
  },
  { name: 'addresses', network: 'dummy', tests: ['test/rdma/addresses'], limit_s: 150, machine: true },
  { name: 'bench', network: 'dummy', tests: ['test/rdma/bench'], limit_s: 240 },
  {
    name: 'fake',
    network: 'dummy',
    tests: ['test/rdma/fake'],
    limit_s: 150,
    machine: true,
    prepare: () => Promise.all(fakeTests.map((name) => buildProgram(`${name}.cc`, 'plain'))),
  },
  { name: 'conformance', network: 'dummy', tests: ['test/conformance/verbs'], limit_s: 300 },
  {
    name: 'engine',
    network: 'dummy',
    // engine-faults is about what no real device can be made to do.
    tests: ['engine.test', 'engine-misuse', 'engine-poller', 'engine-shared', 'engine-transit', 'engine-workers'].map(
      (name) => `test/verbs/${name}`,
    ),
    limit_s: 120,
  },
  { name: 'sockets', network: 'dummy', tests: ['test/face', 'test/switch/hand-over'], title: 'verbs', limit_s: 300 },
  {
    name: 'actors',
    network: 'dummy',
    tests: ['sockets.test', 'socket-transfers', 'socket-processes', 'runtime-processes'].map(
      (name) => `test/actor/${name}`,
    ),
    title: 'verbs',
    limit_s: 480,
  },
  { name: 'actors-crash', network: 'dummy', tests: ['test/actor/crash-matrix'], limit_s: 600 },
  {
    name: 'actors-migrate',
    network: 'dummy',
    tests: ['test/actor/runtime-migrate-sockets'],
    title: 'verbs',
    limit_s: 600,
  },
  { name: 'net', network: 'dummy', tests: ['test/rdma/net.test'], limit_s: 300 },
  { name: 'kill', network: 'veth', tests: ['test/rdma/kill'], limit_s: 300, machine: true },
  { name: 'netem', network: 'veth', tests: ['test/rdma/netem'], limit_s: 300, machine: true },
  { name: 'resources', network: 'veth', tests: ['test/rdma/resources'], limit_s: 300, machine: true },
  // What soft-RoCE keeps of such a fault disturbs later connects.
  ...LINK_DOWN.map((title, index) => ({
    ...{ name: `link-down-${index + 1}`, network: /** @type {'veth'} */ ('veth'), tests: ['test/rdma/link-down'] },
    ...{ title, limit_s: 60, machine: true },
  })),
];

/** What tests are told of the place where they run. @param {string} address one that an RDMA device serves */
export function hostEnv(address) {
  return { SANSWITCH_TEST_HOST: address, SANSWITCH_TEST_RDMA_ADDRESS: address, SANSWITCH_TEST_PROVIDERS: 'verbs!' };
}

/** The address of the machine's first device. */
export const MACHINE_ADDRESS = '10.77.0.1';
