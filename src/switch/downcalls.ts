/** Downcalls as the switch makes them: whatever a provider does wrong becomes an outcome, never an exception of its kind. */
import type { ProviderFaultError } from '../errors.js';
import { NO_ERROR, WSAECONNABORTED, type WsaCode, type WsaError, wsaName } from '../spi/codes.js';

/** A step on the way to a SAN connection or listener that failed. */
export class StepFailure extends Error {
  readonly code: WsaCode;
  /** Kebab-case, for the decision record. */
  readonly reason: string;
  /** For people. */
  readonly detail: string;
  /** The provider gave its word with `WSPConnect`: what 3.3 says about its code applies. */
  readonly promised: boolean;

  constructor(reason: string, code: WsaCode, detail = wsaName(code), promised = false) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
    this.code = code;
    this.detail = detail;
    this.promised = promised;
  }
}

/** Whether a provider threw what it may throw. By its shape: a stranger's provider may have its own copy of the class. */
export function isWsaError(error: unknown): error is WsaError {
  return error instanceof Error && typeof (error as Partial<WsaError>).wsaCode === 'number';
}

/** Makes and counts the error of a provider that broke the SPI. */
export type FaultOf = (message: string, cause?: unknown) => ProviderFaultError;

/** A downcall that returns a value. @throws StepFailure */
export function resultOf<T>(call: string, reason: string, fault: FaultOf, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw failureOf(call, reason, fault, error);
  }
}

/** A downcall that returns a status; one that throws a WsaError is taken at its word. @throws StepFailure for anything else */
export function statusOf(call: string, reason: string, fault: FaultOf, run: () => WsaCode): WsaCode {
  let code: unknown;
  try {
    code = run();
  } catch (error) {
    if (isWsaError(error) && error.wsaCode !== NO_ERROR) return error.wsaCode;
    throw failureOf(call, reason, fault, error);
  }
  if (typeof code === 'number') return code;
  throw new StepFailure(
    'provider-fault',
    WSAECONNABORTED,
    fault(`${call} returned ${String(code)}, not a code`).message,
  );
}

/** What a thrown error means. */
export function failureOf(call: string, reason: string, fault: FaultOf, error: unknown): StepFailure {
  if (error instanceof StepFailure) return error;
  if (isWsaError(error) && error.wsaCode !== NO_ERROR) return new StepFailure(reason, error.wsaCode, error.message);
  const text = error instanceof Error ? error.message : String(error);
  return new StepFailure('provider-fault', WSAECONNABORTED, fault(`${call} threw: ${text}`, error).message);
}
