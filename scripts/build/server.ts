import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import send from 'send';
import { securityHeaders } from '../../workers/shared/headers.ts';

export interface ServeOptions {
  /** Folder that holds the built app. */
  root: string;
  /** Wanted port; the next free one is taken when it is in use. 0: any. */
  port?: number;
  /** Address to listen on; the loopback interface unless a person asks for another. */
  host?: string;
  /** Further folders or files by URL prefix, e.g. `{'/model/0': '/data/phi.gguf'}`. */
  mounts?: Record<string, string>;
  /** Path under which the app lies, e.g. `/phi/`. */
  base?: string;
  /** False: a bare static host, without isolation and CSP headers. */
  securityHeaders?: boolean;
  /** Sees every request first; true means that it has answered (or cut) it. For tests of faults. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface RunningServer {
  /** Address of the app, ends with a slash. */
  url: string;
  port: number;
  /** Cuts open connections and frees the port. */
  close(): Promise<void>;
}

/** File behind a URL path, or null when no folder serves it. */
function locate(path: string, options: ServeOptions): { root: string; path: string } | null {
  for (const [prefix, target] of Object.entries(options.mounts ?? {})) {
    if (path === prefix)
      return { root: normalize(join(target, '..')), path: `/${encodeURIComponent(target.split(/[\\/]/).pop()!)}` };
    if (path.startsWith(`${prefix}/`)) return { root: target, path: path.slice(prefix.length) };
  }
  const base = options.base ?? '/';
  return path.startsWith(base) ? { root: options.root, path: `/${path.slice(base.length)}` } : null;
}

function answer(request: IncomingMessage, response: ServerResponse, options: ServeOptions): void {
  if (options.intercept?.(request, response)) return;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return;
  }
  const path = (request.url ?? '/').replace(/[?#].*$/s, '');
  const file = locate(path, options);
  if (options.securityHeaders !== false)
    for (const [name, value] of Object.entries(securityHeaders(path))) response.setHeader(name, value);
  if (!file) {
    response.writeHead(404).end('Not found');
    return;
  }
  // Names under assets/ carry a hash of their content. Shards go to IndexedDB, a second copy in the HTTP cache helps nobody.
  response.setHeader(
    'Cache-Control',
    /\/assets\//.test(path)
      ? 'public, max-age=31536000, immutable'
      : /\/models?\//.test(path)
        ? 'no-store'
        : 'no-cache',
  );
  send(request, file.path, { root: file.root, dotfiles: 'ignore', cacheControl: false, etag: false })
    // `send` makes weak ETags, which If-Range must not accept; size and time of change are as good as any static server's.
    .on('headers', (reply: ServerResponse, _path: string, stats: { size: number; mtimeMs: number }) => {
      reply.setHeader('ETag', `"${stats.size.toString(16)}-${Math.floor(stats.mtimeMs).toString(16)}"`);
    })
    .on('error', (error: { status?: number }) => {
      const status = error.status ?? 500;
      if (status === 416) response.setHeader('Content-Type', 'text/plain');
      response.writeHead(status).end(status === 404 ? 'Not found' : `Error ${status}`);
    })
    .pipe(response);
}

/** Serves the built app with the headers that it needs, Range, If-Range and strong ETags. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  await stat(options.root);
  const server = createServer((request, response) => answer(request, response, options));
  const host = options.host ?? '127.0.0.1';
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  const wanted = options.port ?? 0;
  const candidates = wanted === 0 ? [0] : [...Array.from({ length: 20 }, (_, step) => wanted + step), 0];
  for (const port of candidates) {
    try {
      await listen(port);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port === candidates.at(-1)) throw error;
    }
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return {
    url: `http://localhost:${address.port}${options.base ?? '/'}`,
    port: address.port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}
