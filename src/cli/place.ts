/** Places on a command line: `[HOST:]PORT`. */
import { UsageError } from './command.js';

const PORT_MAX = 65_535;

/** @param name of the option @throws UsageError */
export function portOf(text: string, name: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port;
  throw new UsageError(`${name} wants a port from 0 to ${PORT_MAX}, not '${text}'`);
}

/** Without a host, 127.0.0.1. IPv6 addresses stand in brackets. @throws UsageError */
export function placeOf(text: string, name: string): { host: string; port: number } {
  const at = text.lastIndexOf(':');
  const host = at < 0 ? '127.0.0.1' : text.slice(0, at).replace(/^\[|\]$/g, '');
  if (host === '') throw new UsageError(`${name} wants [HOST:]PORT, not '${text}'`);
  return { host, port: portOf(text.slice(at + 1), name) };
}
