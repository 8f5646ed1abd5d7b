/** Addresses of servers that speak the OpenAI API: what is taken, how far away it is, and whether a key may go there. */
import { PhiError } from './errors.ts';

/**
 * `loopback`: a program on this machine. `private`: another machine in the network at home or at work, unencrypted. `encrypted`: https, wherever it is.
 * `open`: anywhere, unencrypted.
 */
type ServerReach = 'loopback' | 'private' | 'encrypted' | 'open';

export interface ServerAddress {
  /** With the path of the API, without a slash at the end: "http://127.0.0.1:8080/v1". */
  address: string;
  origin: string;
  reach: ServerReach;
  /** A key is sent over https and to this machine only. */
  mayHaveKey: boolean;
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || /^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]';

/** Private networks, by address or by a name that only such a network knows. */
export const isPrivate = (host: string): boolean =>
  /^(10\.\d+|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.\d+\.\d+$/.test(host) ||
  /^\[f[cd]|^\[fe80:/.test(host) ||
  host.endsWith('.local') ||
  /^[a-z0-9-]+$/i.test(host);

/** Throws `bad-request`, in words that say what is wrong. */
export function parseServerAddress(text: string): ServerAddress {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new PhiError(
      'bad-request',
      `"${text}" is not an http or https address. It looks like http://127.0.0.1:8080/v1.`,
    );
  if (url.username || url.password || url.search || url.hash)
    throw new PhiError('bad-request', `${url.origin}: enter the address without a password, "?" or "#".`);
  if (url.hostname.startsWith('['))
    throw new PhiError(
      'bad-request',
      `${url.origin}: a page's security policy cannot name an IPv6 address. Enter the server's name, or 127.0.0.1 for this machine.`,
    );
  const reach = reachOf(url);
  return {
    address: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    origin: url.origin,
    reach,
    mayHaveKey: reach === 'loopback' || reach === 'encrypted',
  };
}

function reachOf({ protocol, hostname }: URL): ServerReach {
  // Only these two are in the policy of the workers that talk to servers.
  if (protocol === 'http:' && (hostname === '127.0.0.1' || hostname === 'localhost')) return 'loopback';
  if (protocol === 'https:') return 'encrypted';
  return isPrivate(hostname) || isLoopback(hostname) ? 'private' : 'open';
}
