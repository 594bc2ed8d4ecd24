// A throw-away guest in QEMU with soft-RoCE, for one command.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeArchive } from './cpio.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const memory_mib = 2_048;
/** How long the guest may take to start its command. It is 4 s on a machine that does nothing else. */
const bootLimit_s = 90;
/** By how much the guest's clock may differ from ours over a run. It has run 14 times too fast. */
const clockTolerance = { share: 0.1, seconds: 1.5 };
/** What the guest's first program needs of busybox. */
const APPLETS = 'sh mount mkdir mkfifo cat cut echo insmod ln chroot sleep kill poweroff'.split(' ');

/**
 * Whether this machine's processor can run the guest's itself. Without the processor's extensions for it, what calls
 * itself KVM runs no ordinary kernel.
 */
export function canUseKvm() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

let clockRate_khz = null;

/**
 * The rate of the time-stamp counter, which the guest is told: on a busy machine it measures it wrong now and then, and its
 * clock then runs several times too fast.
 */
function measureClockRate() {
  if (clockRate_khz !== null) return clockRate_khz;
  const work = mkdtempSync(join(tmpdir(), 'sanswitch-tsc-'));
  try {
    const program = join(work, 'tsc');
    const built = spawnSync('g++', ['-std=c++17', '-O1', '-o', program, join(folder, 'tsc.cc')], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`g++ tsc.cc: ${built.error?.message ?? built.stderr}`);
    const { stdout } = spawnSync(program, { encoding: 'utf8' });
    clockRate_khz = Number(stdout);
    if (!(clockRate_khz > 0)) throw new Error(`the time-stamp counter can't be measured: ${stdout}`);
    return clockRate_khz;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The guest's first root file system. */
function makeInitialRoot(kernel) {
  const modules = readdirSync(join(kernel, 'modules')).sort();
  const busybox = readFileSync(findBusybox() ?? '');
  const files = {
    init: readFileSync(join(folder, 'guest', 'init')),
    'bin/busybox': busybox,
    ...Object.fromEntries(modules.map((name) => [`modules/${name}`, readFileSync(join(kernel, 'modules', name))])),
  };
  const links = Object.fromEntries(APPLETS.map((name) => [`bin/${name}`, 'busybox']));
  const folders = ['bin', 'dev', 'proc', 'sys', 'modules', 'ports', 'host', 'layer', 'root'];
  return makeArchive({ folders, files, links });
}

/** The busybox that needs no library; null: there is none. */
export function findBusybox() {
  for (const path of ['/bin/busybox', '/usr/bin/busybox']) {
    try {
      if (!readFileSync(path).includes('/lib64/ld-linux-x86-64.so')) return path;
    } catch {
      // Not there.
    }
  }
  return null;
}

const quote = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

/** The script that the guest runs: `command` in `cwd` with `env`. */
function makeScript({ command, cwd, env }) {
  const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  const variables = { HOME: process.env.HOME ?? '/root', LANG: 'C.UTF-8', TMPDIR: '/tmp', PATH: path, ...env };
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [...exports, `cd ${quote(cwd)} || exit 125`, `exec ${command.map(quote).join(' ')}`, ''].join('\n');
}

function processorOptions(kvm) {
  // An older processor is quicker to emulate: libraries take shorter ways where there are no wide vectors.
  return kvm
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'Westmere,+rdtscp'];
}

/** QEMU's arguments. The guest's ports are its descriptors from 3 on. */
function qemuArguments({ work, kernel, network, kvm }) {
  const boot = [
    'console=ttyS0',
    'quiet',
    'loglevel=4',
    'panic=-1',
    'mitigations=off',
    'nokaslr',
    'random.trust_cpu=on',
  ];
  const quickly = ['nowatchdog', 'audit=0', 'apparmor=0', 'selinux=0'];
  const clock = kvm ? [] : ['tsc=reliable', `tsc_early_khz=${measureClockRate()}`];
  const port = (name, fd) => [
    ...['-chardev', `socket,id=${name},fd=${fd}`],
    ...['-device', `virtserialport,chardev=${name},name=${name}`],
  ];
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-M', 'q35,usb=off,smbus=off,sata=off'],
    ...['-m', String(memory_mib), '-smp', String(Math.min(4, availableParallelism()))],
    ...processorOptions(kvm),
    ...['-kernel', join(kernel, 'vmlinux'), '-initrd', join(work, 'initrd')],
    ...['-append', [...boot, ...quickly, ...clock, `run="${work}"`, `network=${network}`].join(' ')],
    ...['-serial', `file:${join(work, 'console')}`, '-device', 'virtio-rng-pci'],
    ...['-device', 'virtio-serial-pci,max_ports=4'],
    ...port('out', 3),
    ...port('err', 4),
    ...port('control', 5),
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
  ];
}

/** What the guest has reported, with our clock beside its own. */
class Reports {
  /** Where each report came, seconds: the guest's clock and ours. */
  running = null;
  ended = null;
  exitCode = null;

  /** Takes a line of the control port. @returns whether the guest says that its command is running */
  take(line) {
    const [word, ...values] = line.split(' ');
    const moment = { guest_s: Number(values.at(-1)), host_s: performance.now() / 1_000 };
    if (word === 'running') this.running = moment;
    else if (word === 'ended') [this.ended, this.exitCode] = [moment, Number(values[0])];
    return word === 'running';
  }

  /** How long the command took by both clocks. */
  get elapsed() {
    if (this.running === null || this.ended === null) return null;
    return {
      guest_s: this.ended.guest_s - this.running.guest_s,
      host_s: this.ended.host_s - this.running.host_s,
    };
  }
}

/** Whether a guest's clock kept the pace of ours. @param {{ guest_s: number, host_s: number }} elapsed of both, in a run */
export function isClockRight({ guest_s, host_s }) {
  return Math.abs(guest_s - host_s) <= clockTolerance.seconds + clockTolerance.share * host_s;
}

/** What went wrong with a guest; null: nothing, its command has ended. */
function problemOf(reports, timedOut, limit_s) {
  if (timedOut === 'boot') return `the guest did not start within ${bootLimit_s} s`;
  if (timedOut === 'command') return `the command took longer than ${limit_s} s`;
  if (reports.exitCode === null) return 'the guest died';
  if (reports.running === null) return 'the guest could not start the command';
  const { guest_s, host_s } = reports.elapsed;
  if (isClockRight(reports.elapsed)) return null;
  return `clock fault: ${guest_s.toFixed(1)} s passed in the guest, ${host_s.toFixed(1)} s here`;
}

/** Starts QEMU and waits for its end. */
function runQemu(args, { limit_s, onOutput, onError }) {
  return new Promise((resolve) => {
    const child = spawn('qemu-system-x86_64', args, {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe', 'pipe'],
    });
    const [out, err, control] = /** @type {import('node:stream').Readable[]} */ (child.stdio.slice(3));
    const reports = new Reports();
    let timedOut = null;
    let signal = null;
    // QEMU's end of a port is reset when it is killed; its exit tells the rest.
    const onLost = () => {};
    const startTimer = (what, seconds) => {
      const expire = () => {
        timedOut = what;
        child.kill('SIGKILL');
      };
      return setTimeout(expire, seconds * 1_000);
    };
    const onSignal = (name) => {
      signal = name;
      child.kill('SIGKILL');
    };
    let timer = startTimer('boot', bootLimit_s);
    out.on('data', onOutput).on('error', onLost);
    err.on('data', onError).on('error', onLost);
    control.on('error', onLost);
    createInterface({ input: control }).on('line', (line) => {
      if (!reports.take(line)) return;
      clearTimeout(timer);
      timer = startTimer('command', limit_s);
    });
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    const finish = (error) => {
      clearTimeout(timer);
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      const problem = error ? `qemu-system-x86_64: ${error.message}` : problemOf(reports, timedOut, limit_s);
      resolve({ problem, timedOut, signal, exitCode: reports.exitCode ?? 125, elapsed: reports.elapsed });
    };
    child.once('error', finish).once('close', () => finish(null));
  });
}

/**
 * Runs a command as root in a fresh guest, which sees this machine's files and can change none of them, and where memory
 * may be locked without limit.
 *
 * @param {object} options
 * @param {string} options.kernel the folder that `prepareKernel` gives
 * @param {'none' | 'dummy' | 'veth'} options.network see guest/network
 * @param {string[]} options.command a program and its arguments
 * @param {string} options.cwd where it starts
 * @param {Record<string, string>} [options.env] beside HOME, LANG, PATH, and TMPDIR; ours are not passed on
 * @param {number} options.limit_s how long it may take, from when the guest is up
 * @param {(bytes: Buffer) => void} options.onOutput its standard output
 * @param {(bytes: Buffer) => void} options.onError its standard error
 * @returns {Promise<{ problem: string | null, exitCode: number, elapsed: { guest_s: number, host_s: number } | null }>}
 *   `problem`: what went wrong with the machine, or with the clock, which makes the run worthless; null: nothing, and
 *   `exitCode` is the command's
 */
export async function runInMachine({ kernel, network, command, cwd, env = {}, limit_s, onOutput, onError }) {
  const work = mkdtempSync(join(tmpdir(), 'sanswitch-vm-'));
  let result = null;
  try {
    writeFileSync(join(work, 'initrd'), makeInitialRoot(kernel));
    writeFileSync(join(work, 'network'), readFileSync(join(folder, 'guest', 'network')));
    writeFileSync(join(work, 'command'), makeScript({ command, cwd, env }));
    const start = (kvm) => runQemu(qemuArguments({ work, kernel, network, kvm }), { limit_s, onOutput, onError });
    result = await start(canUseKvm());
    if (result.timedOut === 'boot' && canUseKvm()) result = await start(false);
    if (result.problem !== null && result.signal === null) onError(tailOf(join(work, 'console')));
    return result;
  } finally {
    rmSync(work, { recursive: true, force: true });
    // The one that has ended the guest is to end us too.
    if (result?.signal) process.kill(process.pid, result.signal);
  }
}

/** The last words of the guest's kernel. */
function tailOf(path) {
  try {
    return Buffer.from(readFileSync(path, 'utf8').split('\n').slice(-20).join('\n'));
  } catch {
    return Buffer.alloc(0);
  }
}
