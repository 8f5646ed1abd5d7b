/**
 * Chrome asks a person before a page reaches this machine or the network at home (Local Network Access, 142 and later), and lets a page
 * served over https ask a server without a certificate only where the request says that it is meant for there.
 */
import { isLoopback, isPrivate } from '../shared/server-address.ts';

/** Options for `fetch` that say where the server is, if its address shows it. Empty for other servers, and in browsers that would throw. */
export function addressSpace(url: string): RequestInit {
  const { hostname } = new URL(url);
  const space = isLoopback(hostname) ? 'loopback' : isPrivate(hostname) ? 'local' : null;
  if (space === null) return {};
  const init = { targetAddressSpace: space } as RequestInit;
  try {
    // Versions that know the member with other values throw at this one.
    new Request(url, init);
    return init;
  } catch {
    return {};
  }
}
