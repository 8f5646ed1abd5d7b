/**
 * A proxy that refuses everything and remembers who was asked for. Chromium goes round a proxy for loopback addresses only, so
 * whatever arrives here left the machine: from the page, a worker, a service worker or the browser itself.
 */
import { createServer } from 'node:http';

/** Requests that full Chromium makes by itself: updates, sign-in. Nothing of the app lies on these hosts. */
const BROWSERS_OWN = /(^|\.)(google|googleapis|gstatic|gvt1)\.com$/;

export interface Witness {
  port: number;
  hosts: string[];
  close(): Promise<void>;
}

export async function startWitness(): Promise<Witness> {
  const hosts: string[] = [];
  const note = (host: string): void => {
    if (!BROWSERS_OWN.test(host)) hosts.push(host);
  };
  const server = createServer((request, response) => {
    note(new URL(request.url ?? '/', 'http://unknown.invalid').hostname);
    response.writeHead(403).end();
  });
  server.on('connect', (request, socket) => {
    note((request.url ?? '?').replace(/:\d+$/, ''));
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The witness has no port.');
  return {
    port: address.port,
    hosts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
