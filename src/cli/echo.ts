/** `npx sanswitch echo`: the other end of `sanswitch load`. */
import { availableParallelism } from 'node:os';
import { InvalidOptionError, SanswitchError, UnknownProviderError } from '../errors.js';
import { actorServer, type EchoServer, netServer } from '../load/server/servers.js';
import { SERVICES, type Service } from '../load/server/service.js';
import { listenForClocks } from '../load/server-clock.js';
import { type Command, parseCommandLine, UsageError } from './command.js';
import { placeOf, portOf } from './place.js';
import { untilSignal } from './signals.js';

const HELP = `Usage: npx sanswitch echo [HOST:]PORT [OPTIONS]

Listens, and answers what sanswitch load sends, until it is told to stop (Ctrl-C). Port 0: the system chooses.

Options:
  --protocol NAME   echo (the default): what comes goes back; sink: it is dropped; request: each request says how long its
                    answer is to be (load --protocol request)
  --engine NAME     actors (the default): socket actors on worker threads, by shared memory, RDMA and TCP/IP;
                    net: a plain server of node:net, for comparison
  --workers N       worker threads of the actors (default: one for each processor)
  --providers LIST  who may serve, as in createSwitch (default shm,verbs,tcp)
  --control PORT    tells processor time to load --server HOST:PORT there
  --help            this text

Exit codes: 0, it was told to stop; 1, it can't listen; 2, the command line can't be meant.
`;

const WORKERS_MAX = 128;

function placeAmong([place, ...more]: readonly string[]): { host: string; port: number } {
  if (place === undefined) throw new UsageError('listen where? a port, as in: echo 7000');
  if (more.length > 0) throw new UsageError('one place to listen at, not more');
  return placeOf(place, 'echo');
}

function workersOf(text: string | undefined): number {
  const workers = text === undefined ? availableParallelism() : Number(text);
  if (Number.isInteger(workers) && workers >= 1 && workers <= WORKERS_MAX) return workers;
  throw new UsageError(`--workers wants a whole number from 1 to ${WORKERS_MAX}, not '${text}'`);
}

async function listen(positionals: readonly string[], values: Values): Promise<EchoServer> {
  const service = values.protocol as Service;
  if (!SERVICES.includes(service))
    throw new UsageError(`--protocol is one of ${SERVICES.join(', ')}, not '${service}'`);
  if (values.engine !== 'actors' && values.engine !== 'net') {
    throw new UsageError(`--engine is actors or net, not '${values.engine}'`);
  }
  const plan = {
    ...placeAmong(positionals),
    service,
    workers: workersOf(values.workers),
    providers: values.providers.split(','),
  };
  return values.engine === 'net' ? netServer(plan) : actorServer(plan);
}

interface Values {
  readonly protocol: string;
  readonly engine: string;
  readonly workers?: string | undefined;
  readonly providers: string;
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      protocol: { type: 'string', default: 'echo' },
      engine: { type: 'string', default: 'actors' },
      workers: { type: 'string' },
      providers: { type: 'string', default: 'shm,verbs,tcp' },
      control: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const controlPort = values.control === undefined ? null : portOf(values.control, '--control');
  const stopped = untilSignal();
  try {
    const server = await listen(positionals, values);
    try {
      const { host } = placeAmong(positionals);
      const control = controlPort === null ? null : await listenForClocks(host, controlPort);
      process.stdout.write(`listening on ${host} port ${server.port} (${server.how})\n`);
      await stopped;
      control?.close();
    } finally {
      await server.close();
    }
    return 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (error instanceof InvalidOptionError || error instanceof UnknownProviderError)
      throw new UsageError(error.message);
    const isExpected = error instanceof SanswitchError || (error as NodeJS.ErrnoException).syscall !== undefined;
    if (!isExpected) throw error;
    process.stderr.write(`sanswitch: echo: ${(error as Error).message}\n`);
    return 1;
  }
}

/** The command. */
export const echoCommand: Command = {
  summary: 'a server for load to put under load',
  help: HELP,
  run,
};
