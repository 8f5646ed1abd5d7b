/**
 * Chrome asks a person before a page reaches this machine or the network at home (Local Network Access, 142 and later), and lets a page
 * served over https ask a server without a certificate only where the request says that it is meant for there.
 */

type Space = 'loopback' | 'local';

/** For `fetch`: where the server is, as far as its address tells. Empty for others, and in browsers that would throw at it. */
export function addressSpace(url: string): RequestInit {
  const space = spaceOf(new URL(url).hostname);
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

function spaceOf(host: string): Space | null {
  if (host === 'localhost' || host.endsWith('.localhost') || /^127\./.test(host) || host === '[::1]') return 'loopback';
  const isPrivate =
    /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/.test(host) || /^\[f[cd]|^\[fe80:/.test(host);
  return isPrivate || host.endsWith('.local') ? 'local' : null;
}
