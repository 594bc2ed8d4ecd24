/** Where the load goes, from a URL. */
import type { Protocol, Target } from './plan.js';

/** A URL that is no target. */
export class TargetError extends Error {}

/** Who may serve, by scheme; null: whoever the switch finds. */
const PROVIDERS: Readonly<Record<string, readonly string[]>> = {
  'tcp:': ['tcp!'],
  'san:': ['shm', 'verbs', 'tcp'],
  'shm:': ['shm', 'tcp'],
  'verbs:': ['verbs', 'tcp'],
  'http:': ['shm', 'tcp'],
  'ws:': ['shm', 'tcp'],
};
const STRICT: Readonly<Record<string, readonly string[]>> = { 'shm:': ['shm!'], 'verbs:': ['verbs!'] };
const DEFAULT_PORT = 80;

/** Whether there is one provider that a fallback would be from. @throws TargetError */
function checkStrict(scheme: string, providers: readonly string[] | null): void {
  const about = "--strict is about the target's provider:";
  if (providers !== null) throw new TargetError(`${about} with --providers write ${providers[0]}! instead`);
  // tcp:// is nothing else anyway.
  if (scheme !== 'tcp:' && STRICT[scheme] === undefined) throw new TargetError(`${about} ${scheme}// names none`);
}

/**
 * Reads one.
 * @param isStrict a fallback is an error: `shm://` and `verbs://` demand their provider @param providers in place of the scheme's
 * @throws TargetError
 */
export function readTarget(text: string, isStrict: boolean, providers: readonly string[] | null): Target {
  const schemes = Object.keys(PROVIDERS).map((scheme) => `${scheme}//`);
  const [scheme = ''] = text.match(/^[a-z]+:(?=\/\/)/) ?? [];
  const own = PROVIDERS[scheme];
  if (own === undefined) throw new TargetError(`'${text}' is no target: it begins with one of ${schemes.join(', ')}`);
  const isWeb = scheme === 'http:' || scheme === 'ws:';
  let url: URL;
  try {
    // The platform knows hosts and ports of its own schemes only.
    url = new URL(text.replace(scheme, 'http:'));
  } catch {
    throw new TargetError(`'${text}' is no target: as in ${scheme}//127.0.0.1:7000`);
  }
  // The platform leaves out the port that is usual for http.
  const authority = text.slice(scheme.length + 2).replace(/[/?#].*/s, '');
  const hasPort = url.port !== '' || /:0*80$/.test(authority);
  if (!(hasPort || isWeb)) throw new TargetError(`'${text}' names no port: as in ${scheme}//${url.hostname}:7000`);
  if (url.port === '0') throw new TargetError(`'${text}' is no target: nobody listens on port 0`);
  const isPlace = url.pathname === '/' && url.search === '' && url.hash === '';
  if (url.username !== '' || url.password !== '' || !(isWeb || isPlace)) {
    throw new TargetError(`'${text}' has parts that ${scheme}// has no use for`);
  }
  if (isStrict) checkStrict(scheme, providers);
  return {
    url: text,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    path: `${url.pathname}${url.search}`,
    providers: providers ?? (isStrict ? STRICT[scheme] : undefined) ?? own,
  };
}

/** What is spoken to a target by default; null: it can't be spoken there. @param wanted undefined: by the scheme */
export function protocolFor({ url }: Target, wanted: string | undefined): Protocol | null {
  if (url.startsWith('http:')) return wanted === undefined || wanted === 'http' ? 'http' : null;
  if (url.startsWith('ws:')) return wanted === undefined || wanted === 'ws' ? 'ws' : null;
  if (wanted === undefined) return 'echo';
  return wanted === 'echo' || wanted === 'stream' || wanted === 'request' || wanted === 'http' ? wanted : null;
}
