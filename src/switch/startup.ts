/** Starting the SAN providers (rules 1.1, 1.2, 1.4) and ending them (1.5). */
import { NativeUnavailableError, ProviderFaultError } from '../errors.js';
import { WSAEOPNOTSUPP, WSASYSNOTREADY, wsaName } from '../spi/codes.js';
import {
  type ExtensionFunctions,
  type ExtensionName,
  OPTIONAL_EXTENSIONS,
  REQUIRED_EXTENSIONS,
  type SanProvider,
  SPI_VERSION,
} from '../spi/provider.js';
import {
  type ProtocolInfo,
  type ServedSubnet,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
} from '../spi/types.js';
import type { Counters } from '../stats/counters.js';
import { parseAddress } from './addresses.js';
import { Companion } from './companion.js';
import { type FaultOf, isWsaError, StepFailure } from './downcalls.js';
import { HandleTable } from './handles.js';
import type { LeftOutProvider, RunningProvider } from './running-provider.js';

const REQUIRED_FUNCTIONS = [
  'WSPStartupEx',
  'WSPCleanup',
  'WSPSocket',
  'WSPBind',
  'WSPSetSockOpt',
  'WSPGetSockOpt',
  'WSPIoctl',
  'WSPListen',
  'WSPConnect',
  'WSPAccept',
  'WSPEventSelect',
  'WSPEnumNetworkEvents',
  'WSPSend',
  'WSPRecv',
  'WSPGetOverlappedResult',
  'WSPDuplicateSocket',
  'WSPCloseSocket',
] as const satisfies readonly (keyof SanProvider)[];

/** The reason of a provider that may start when the host's addresses or devices have changed. */
export const NOT_READY = 'not-ready';

/** Faults that are in the counters already: some come to the switch a second time, as the error of a session. */
export const countedFaults = new WeakSet<Error>();

/** What starting a provider needs to know. */
export interface StartRequest {
  readonly name: string;
  readonly spi: SanProvider;
  readonly options: Readonly<Record<string, unknown>>;
  readonly tcp: ProtocolInfo;
  readonly timeoutMs: number;
  readonly counters: Counters;
}

/** Starts one provider. Never throws: what can't start is left out with a reason (rule 1.1). */
export async function startProvider(request: StartRequest): Promise<RunningProvider | LeftOutProvider> {
  const { name, spi, counters } = request;
  let running: RunningProvider | null = null;
  const fault: FaultOf = (message, cause) => {
    counters.of(name).faults += 1;
    const error = new ProviderFaultError(`provider ${name}: ${message}`, cause === undefined ? {} : { cause });
    countedFaults.add(error);
    if (running !== null) running.lastFault = error.message;
    return error;
  };
  const missing = REQUIRED_FUNCTIONS.filter((call) => typeof spi[call] !== 'function');
  if (missing.length > 0) return { name, reason: 'incomplete', detail: `it has no ${missing.join(', ')}` };
  const handles = new HandleTable(fault);
  let started = false;
  try {
    const info = await startWithin(request, handles);
    started = true;
    checkInfo(info, spi);
    const extensions: Partial<ExtensionFunctions> = {};
    const base = { name, spi, info, extensions, handles, fault, subnets: [], lastFault: '' };
    // Rule 1.2: a socket on the provider, through which it is asked, now and whenever the host's addresses change.
    const provider = base as unknown as RunningProvider;
    const query = Companion.create(provider, 4);
    Object.assign(base, { query });
    askExtensions(provider, extensions);
    provider.subnets = await askSubnets(provider, request.timeoutMs);
    running = provider;
    return provider;
  } catch (error) {
    if (started) await cleanUp(spi);
    return { name, ...reasonOf(error) };
  }
}

/** Whether a provider runs. */
export function isRunning(provider: RunningProvider | LeftOutProvider): provider is RunningProvider {
  return 'spi' in provider;
}

async function startWithin(request: StartRequest, handles: HandleTable): Promise<ProtocolInfo> {
  const { spi, tcp, options, timeoutMs } = request;
  const starting = spi.WSPStartupEx(SPI_VERSION, tcp, handles.upcalls, options);
  if (!(starting instanceof Promise)) return starting;
  return within(starting, timeoutMs, () => {
    // Should it start after all, it is ended again.
    starting.then(
      () => cleanUp(spi),
      () => {},
    );
    return new StepFailure('start-timed-out', 0, `it had not started after ${timeoutMs} ms`);
  });
}

/** What is promised, if it comes in time. @param late makes the error otherwise */
async function within<T>(promised: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([promised, expired]);
  } finally {
    clearTimeout(timer);
  }
}

function checkInfo(info: ProtocolInfo, spi: SanProvider): void {
  const flags = ['claimsMessageBuffers', 'lendsReceives', 'virtualPorts'] as const;
  const bad =
    info === null || typeof info !== 'object' ? flags[0] : flags.find((flag) => typeof info[flag] !== 'boolean');
  if (bad !== undefined) throw new StepFailure('bad-protocol-info', 0, `WSPStartupEx answered without a valid ${bad}`);
  if (info.claimsMessageBuffers && typeof spi.WSPClaimMessageBuffer !== 'function') {
    throw new StepFailure('incomplete', 0, 'it claims message buffers and has no WSPClaimMessageBuffer');
  }
}

/** Rule 1.4: only two extensions may be missing. */
function askExtensions(provider: RunningProvider, extensions: Partial<ExtensionFunctions>): void {
  const ask = (name: ExtensionName): unknown => {
    try {
      return provider.spi.WSPIoctl(provider.query.socket, SIO_GET_EXTENSION_FUNCTION_POINTER, name);
    } catch (error) {
      if (isWsaError(error) && error.wsaCode === WSAEOPNOTSUPP) return undefined;
      throw error;
    }
  };
  for (const name of [...REQUIRED_EXTENSIONS, ...OPTIONAL_EXTENSIONS]) {
    const extension = ask(name);
    if (typeof extension === 'function') Object.assign(extensions, { [name]: extension });
    else if (extension !== undefined) throw new StepFailure('lacks-extension', 0, `${name} is no function`);
  }
  const missing = REQUIRED_EXTENSIONS.filter((name) => extensions[name] === undefined);
  if (missing.length > 0) throw new StepFailure('lacks-extension', 0, `it has no ${missing.join(', ')}`);
}

/**
 * Rules 1.2 and 1.3: the subnets that a provider serves now; at once, unless it has to find out.
 * @param timeoutMs how long it may take for that
 * @throws StepFailure, and what the provider throws
 */
export function askSubnets(provider: RunningProvider, timeoutMs: number): ServedSubnet[] | Promise<ServedSubnet[]> {
  const answer = provider.spi.WSPIoctl(provider.query.socket, SIO_ADDRESS_LIST_QUERY);
  if (!(answer instanceof Promise)) return checkSubnets(answer);
  const late = () =>
    new StepFailure('bad-address-list', 0, `no answer to SIO_ADDRESS_LIST_QUERY after ${timeoutMs} ms`);
  return within(answer, timeoutMs, late).then(checkSubnets);
}

function checkSubnets(answer: unknown): ServedSubnet[] {
  if (!Array.isArray(answer)) throw new StepFailure('bad-address-list', 0, 'SIO_ADDRESS_LIST_QUERY gave no list');
  for (const subnet of answer as Partial<ServedSubnet>[]) {
    const parsed = typeof subnet?.address === 'string' ? parseAddress(subnet.address) : null;
    const bits = subnet?.family === 4 ? 32 : 128;
    const { prefixLength } = subnet ?? {};
    const valid =
      parsed !== null &&
      parsed.family === subnet.family &&
      Number.isInteger(prefixLength) &&
      (prefixLength as number) >= 0 &&
      (prefixLength as number) <= bits;
    if (!valid) throw new StepFailure('bad-address-list', 0, `${JSON.stringify(subnet)} is no subnet`);
  }
  return answer as ServedSubnet[];
}

/** Rule 1.5. Never throws. */
export async function cleanUp(spi: SanProvider): Promise<void> {
  try {
    await spi.WSPCleanup();
  } catch {
    // It is over for this provider in any case.
  }
}

function reasonOf(error: unknown): { reason: string; detail: string } {
  if (error instanceof StepFailure) return { reason: error.reason, detail: error.detail };
  if (isWsaError(error) && error.wsaCode === WSASYSNOTREADY) {
    return { reason: NOT_READY, detail: error.message.replace(`${wsaName(WSASYSNOTREADY)}: `, '') };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { reason: error instanceof NativeUnavailableError ? 'native-unavailable' : 'cannot-start', detail };
}
