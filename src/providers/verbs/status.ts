/** What the outcomes of the hardware mean in Winsock's codes. */
import { constants } from 'node:os';
import {
  VERBS_ASYNC_DEVICE_FATAL,
  VERBS_CM_ADDRESS_ERROR,
  VERBS_CM_CONNECT_ERROR,
  VERBS_CM_REJECTED,
  VERBS_CM_ROUTE_ERROR,
  VERBS_CM_UNREACHABLE,
  VERBS_STATUS_FLUSHED,
  VERBS_STATUS_NOT_POSTED,
  VERBS_STATUS_OK,
  VERBS_STATUS_REMOTE_ACCESS,
  VERBS_STATUS_RETRIES,
  VERBS_STATUS_RNR_RETRIES,
} from '../../layout/layout.gen.js';
import {
  NO_ERROR,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAENETDOWN,
  WSAETIMEDOUT,
  type WsaCode,
} from '../../spi/codes.js';

const OPERATION: Readonly<Record<number, WsaCode>> = {
  [VERBS_STATUS_OK]: NO_ERROR,
  // It ended with its connection, which tells why.
  [VERBS_STATUS_FLUSHED]: WSAECONNRESET,
  [VERBS_STATUS_NOT_POSTED]: WSAECONNRESET,
  [VERBS_STATUS_RETRIES]: WSAETIMEDOUT,
  [VERBS_STATUS_RNR_RETRIES]: WSAETIMEDOUT,
  [VERBS_STATUS_REMOTE_ACCESS]: WSAEFAULT,
};

/** The outcome of an operation; any that is not 0 has ended its connection. */
export function operationCode(status: number): WsaCode {
  return OPERATION[status] ?? WSAECONNABORTED;
}

/** What the end of a connection by a failed operation looks like to its receives. */
export function connectionCode(status: number): WsaCode {
  // The device here has refused it; no peer has reset anything.
  if (status === VERBS_STATUS_NOT_POSTED) return WSAECONNABORTED;
  const code = operationCode(status);
  return code === WSAEFAULT ? WSAECONNABORTED : code;
}

/** The same for an asynchronous event (VERBS_ASYNC_*). */
export function eventCode(event: number): WsaCode {
  return event === VERBS_ASYNC_DEVICE_FATAL ? WSAENETDOWN : WSAECONNABORTED;
}

const { EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC } = constants.errno;
const SHORTAGES: ReadonlySet<number> = new Set(
  [EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC].map((errno) => -errno),
);

/** Does a negated errno say that the device or the system has no more queue pairs, memory or descriptors? */
export function isShortage(errno: number): boolean {
  return SHORTAGES.has(errno);
}

const FAILURES: ReadonlySet<number> = new Set([
  VERBS_CM_CONNECT_ERROR,
  VERBS_CM_REJECTED,
  VERBS_CM_UNREACHABLE,
  VERBS_CM_ADDRESS_ERROR,
  VERBS_CM_ROUTE_ERROR,
]);

/** Does this event (VERBS_CM_*) say that an attempt to connect has come to nothing? */
export function isConnectFailure(event: number): boolean {
  return FAILURES.has(event);
}
