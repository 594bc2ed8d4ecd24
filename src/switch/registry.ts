/** The one file of the switch that knows providers by name. */
import { tcpProvider } from '../providers/tcp/provider.js';

/** TCP/IP, which is always there. */
export const tcp = tcpProvider;
export type { TcpProvider } from '../providers/tcp/provider.js';
