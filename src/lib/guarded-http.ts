import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { addressKind } from './address-guard.js';
import { createOutboundHttp, OutboundError, type OutboundHttp } from './outbound-http.js';

export interface GuardedHttpOptions {
  /** Lets calls reach networks of one's own, this machine included. Metadata and link-local addresses stay closed. */
  allowPrivate: boolean;
  /** For development: lets calls reach this machine, by https or plain http. Everything else keeps needing https. */
  allowPlainHttp: boolean;
  userAgent: string;
  /** From name lookup to the last byte, ms. Default 15 s. */
  timeoutMs?: number;
  /** After inflation. Default 64 KiB. */
  maxResponseBytes?: number;
  /** All addresses of a name. Default: the system's resolver. */
  resolve?: ResolveName;
}

export type ResolveName = (hostname: string) => Promise<readonly string[]>;

const plainHosts = ['localhost', '127.0.0.1', '[::1]'];
/** Ours alone, so that a refusal can be told from a resolver's own failure behind axios. */
const refusedCode = 'EADDRESSREFUSED';

/**
 * The way out to addresses that users type (design.md §6.10). A name is resolved once, inside the connection's own lookup:
 * every address is judged, and the socket goes to one of exactly those, so a resolver that answers differently a second time
 * is never asked. TLS and `Host` keep the name. Redirects are answers, never followed.
 *
 * Throws `OutboundError`: `refused_url` (nothing was sent) for a scheme, credentials in the address, or where it leads to.
 * A refusal names the host only: what an internal name resolves to is nobody's business.
 */
export function createGuardedHttp(options: GuardedHttpOptions): OutboundHttp {
  const isAllowed = addressRule(options);
  const client = createOutboundHttp({
    userAgent: options.userAgent,
    allowPlainHttpHosts: options.allowPlainHttp ? plainHosts : [],
    timeoutMs: options.timeoutMs ?? 15_000,
    maxResponseBytes: options.maxResponseBytes ?? 64 * 1024,
    lookup: guardedLookup(options.resolve ?? resolveBySystem, isAllowed),
  });
  return {
    send: async (request) => {
      const host = hostOf(request.url);
      // A literal address is connected to without any lookup.
      if (host !== null && isIP(host.name) !== 0 && !isAllowed(host.name))
        throw refusal(host.shown);
      // A pooled connection that the receiver closes just now would turn into "may have arrived"; calls here are rare.
      const headers = { ...request.headers, Connection: 'close' };
      try {
        return await client.send({ ...request, headers });
      } catch (error) {
        const isRefusal = error instanceof OutboundError && error.code === refusedCode;
        throw isRefusal ? refusal(host?.shown ?? '') : error;
      }
    },
    close: () => client.close(),
  };
}

function addressRule(options: GuardedHttpOptions): (address: string) => boolean {
  const { allowPrivate, allowPlainHttp } = options;
  return (address) => {
    switch (addressKind(address)) {
      case 'public':
        return true;
      case 'loopback':
        return allowPrivate || allowPlainHttp;
      case 'private':
        return allowPrivate;
      case 'forbidden':
        return false;
    }
  };
}

/** As the URL parser leaves it: decimal, octal, hex and shortened IPv4 have become the dotted form by then. */
function hostOf(url: string): { name: string; shown: string } | null {
  if (!URL.canParse(url)) return null;
  const { hostname, host } = new URL(url);
  return { name: hostname.replace(/^\[(.*)\]$/, '$1'), shown: host };
}

/** Exported for its test: no test can connect to a public address. */
export function guardedLookup(
  resolve: ResolveName,
  isAllowed: (address: string) => boolean,
): LookupFunction {
  return (hostname, options, callback) => {
    judged(hostname, resolve, isAllowed).then(
      (found) => {
        const [first] = found;
        if (options.all === true || first === undefined) callback(null, found);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

/** One bad address among good ones is enough: which of them is connected to is not ours to choose. */
async function judged(
  hostname: string,
  resolve: ResolveName,
  isAllowed: (address: string) => boolean,
): Promise<{ address: string; family: number }[]> {
  const addresses = await resolve(hostname);
  if (addresses.length === 0) throw failure('ENOTFOUND');
  if (!addresses.every(isAllowed)) throw failure(refusedCode);
  return addresses.map((address) => ({ address, family: isIP(address) }));
}

async function resolveBySystem(hostname: string): Promise<readonly string[]> {
  const found = await systemLookup(hostname, { all: true });
  return found.map(({ address }) => address);
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error('name lookup refused'), { code });
}

function refusal(host: string): OutboundError {
  return new OutboundError('refused_url', host, null, true);
}
