import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { contentSecurityPolicy } from '../shared/headers.ts';
import { AppCache, withHeaders } from './app-cache.ts';
import type { AppFiles } from '../shared/offline-protocol.ts';

const SCOPE = 'https://host.test/phi/';
const integrityOf = (text: string): string => `sha384-${Buffer.from(text).toString('base64')}`;
const file = (path: string, text = path) => ({ path, integrity: integrityOf(text) });
const V1: AppFiles = {
  version: '1',
  shell: [file(''), file('assets/app-11111111.js')],
  runtime: [file('assets/ort-wasm.jspi-aaaaaaaa.wasm'), file('assets/ort-wasm-bbbbbbbb.wasm')],
};
const V2: AppFiles = {
  version: '2',
  shell: [file('', 'new'), file('assets/app-22222222.js')],
  runtime: [file('assets/ort-wasm.jspi-cccccccc.wasm'), file('assets/ort-wasm-bbbbbbbb.wasm')],
};

/** Cache Storage as far as it is used here. */
class MemoryCaches {
  readonly all = new Map<string, Map<string, Response>>();

  open(name: string) {
    const entries = this.all.get(name) ?? new Map<string, Response>();
    this.all.set(name, entries);
    return Promise.resolve({
      match: (url: string) => Promise.resolve(entries.get(url)?.clone()),
      put: (url: string, response: Response) => Promise.resolve(void entries.set(url, response)),
      keys: () => Promise.resolve([...entries.keys()].map((url) => ({ url }))),
      delete: ({ url }: { url: string }) => Promise.resolve(entries.delete(url)),
    });
  }

  keys = () => Promise.resolve([...this.all.keys()]);
  delete = (name: string) => Promise.resolve(this.all.delete(name));

  paths(): string[] {
    return [...this.all.values()].flatMap((entries) => [...entries.keys()]).map((url) => url.slice(SCOPE.length));
  }
}

let caches: MemoryCaches;
/** What the server has at a path of the app; absent: its own path as text. */
let served: Map<string, string | number>;
let fetched: string[];

beforeEach(() => {
  caches = new MemoryCaches();
  served = new Map();
  fetched = [];
  vi.stubGlobal('caches', caches);
  vi.stubGlobal('fetch', (url: string, { integrity }: RequestInit) => {
    const path = url.slice(SCOPE.length);
    const content = served.get(path) ?? path;
    fetched.push(path);
    if (typeof content === 'number') return Promise.resolve(new Response(null, { status: content }));
    if (integrityOf(content) !== integrity) return Promise.reject(new TypeError('integrity'));
    return Promise.resolve(new Response(content, { headers: { 'Content-Encoding': 'gzip' } }));
  });
});
afterEach(() => vi.unstubAllGlobals());

const serve = async (cache: AppCache, path: string): Promise<Response> =>
  cache.serve(cache.fileAt(`${SCOPE}${path}`)!, () => undefined);

describe('AppCache', () => {
  it('answers for the files of the app, and for nothing else', () => {
    const cache = new AppCache(V1, SCOPE);
    for (const address of ['', 'index.html', '?text=shared', '#/models'])
      expect(cache.fileAt(`${SCOPE}${address}`)?.path).toBe('');
    for (const address of ['models/x/manifest.json', 'models/x/model.gguf.00', 'other.html', 'assets/other.js']) {
      expect(cache.fileAt(`${SCOPE}${address}`)).toBeNull();
    }
    for (const address of ['https://host.test/', 'https://host.test/ph', 'https://other.test/phi/'])
      expect(cache.fileAt(address)).toBeNull();
  });

  it('keeps the shell with the headers that it needs, and the runtime after its first use', async () => {
    const cache = new AppCache(V1, SCOPE);
    await cache.install();
    expect(caches.paths()).toEqual(['', 'assets/app-11111111.js']);
    const page = await serve(cache, '');
    expect(page.headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
    expect(page.headers.get('Content-Encoding')).toBeNull();
    await serve(cache, 'assets/ort-wasm-bbbbbbbb.wasm');
    fetched.length = 0;
    expect(await (await serve(cache, 'assets/ort-wasm-bbbbbbbb.wasm')).text()).toBe('assets/ort-wasm-bbbbbbbb.wasm');
    expect(fetched).toEqual([]);
  });

  it.each([404, 'another version'])('is not installed when a file is %s', async (answer) => {
    served.set('assets/app-11111111.js', answer);
    await expect(new AppCache(V1, SCOPE).install()).rejects.toThrow();
  });

  it('takes the runtime that was in use along to the next version, and drops the rest', async () => {
    const first = new AppCache(V1, SCOPE);
    await first.install();
    expect(await first.keep((path) => path.includes('.jspi'))).toBe(true);
    await (await caches.open('phi:/other/:shell:1')).put('https://host.test/other/', new Response());
    served.set('', 'new');
    const second = new AppCache(V2, SCOPE);
    await second.install();
    // The first still runs, whole.
    expect(await (await serve(first, '')).text()).toBe('');
    await second.clean();
    expect(await caches.keys()).toContain('phi:/other/:shell:1');
    const others = [...caches.all.get('phi:/other/:shell:1')!.keys()].map((url) => url.slice(SCOPE.length));
    expect(
      caches
        .paths()
        .filter((path) => !others.includes(path))
        .sort(),
    ).toEqual(['', 'assets/app-22222222.js', 'assets/ort-wasm.jspi-cccccccc.wasm']);
    expect(await (await serve(second, '')).text()).toBe('new');
  });

  it('says whether all is kept, and mends what is missing', async () => {
    const cache = new AppCache(V1, SCOPE);
    await cache.install();
    caches.all.clear();
    served.set('', 503);
    expect(await cache.keep(() => false)).toBe(false);
    served.delete('');
    expect(await cache.keep(() => false)).toBe(true);
    expect(caches.paths()).toContain('');
  });
});

describe('withHeaders', () => {
  const host = () =>
    new Response('x', {
      status: 203,
      headers: {
        'Content-Security-Policy': "default-src 'self'",
        'Cross-Origin-Opener-Policy': 'unsafe-none',
        'X-Host': '1',
      },
    });

  it('keeps what the host says of the page, but for isolation', () => {
    const { headers, status } = withHeaders(host(), '');
    expect(status).toBe(203);
    expect(headers.get('Content-Security-Policy')).toBe("default-src 'self'");
    expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
    expect(headers.get('X-Host')).toBe('1');
  });

  it('sets the policy of workers, with the hosts that a person allowed', () => {
    const path = 'assets/engine.worker-1.js';
    const { headers } = withHeaders(host(), path, ['http://127.0.0.1:9']);
    expect(headers.get('Content-Security-Policy')).toBe(contentSecurityPolicy(path, ['http://127.0.0.1:9']));
  });

  it('leaves a redirect to the browser', () => {
    const redirect = Response.error(); // The other kind of response with status 0.
    expect(withHeaders(redirect, '')).toBe(redirect);
  });
});
