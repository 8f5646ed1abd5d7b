import { CSP, isWorkerScript, ISOLATION_HEADERS, securityHeaders } from '../shared/headers.ts';
import type { AppFile, AppFiles } from '../shared/offline-protocol.ts';

/**
 * Headers about the encoding of a body and its encoded length. They are wrong for the decoded body that `fetch` gives.
 */
const OF_THE_WIRE = ['Content-Encoding', 'Content-Length', 'Transfer-Encoding'];

/**
 * The same response with the headers that the app needs. Isolation and the policy of workers are always ours, because nothing works
 * without them; any other header of the host stays.
 */
export function withHeaders(response: Response, path: string, allowedHosts: readonly string[] = []): Response {
  if (response.status === 0) return response; // A redirect, which the browser follows itself.
  const headers = new Headers(response.headers);
  for (const name of OF_THE_WIRE) headers.delete(name);
  for (const [name, value] of Object.entries(securityHeaders(path, allowedHosts))) {
    if (!headers.has(name) || name in ISOLATION_HEADERS || (name === CSP && isWorkerScript(path)))
      headers.set(name, value);
  }
  const { status, statusText } = response;
  return new Response([204, 304].includes(status) ? null : response.body, { status, statusText, headers });
}

/** `ort-wasm.jspi-BoEwGRw5.mjs` without its hash: the same file in another version of the app. */
const stem = (url: string): string => url.replace(/-[\w-]{8}(\.\w+)$/, '$1');

/** The files of one version of the app, in Cache Storage. Models are never here: they have a store of their own. */
export class AppCache {
  readonly #files: AppFiles;
  readonly #scope: URL;
  readonly #byPath: Map<string, AppFile>;
  /** Cache Storage belongs to the whole origin, where other copies of the app may lie under other paths. */
  readonly #prefix: string;

  /** @param scope address of the app's folder */
  constructor(files: AppFiles, scope: string) {
    this.#files = files;
    this.#scope = new URL(scope);
    this.#byPath = new Map([...files.shell, ...files.runtime].map((file) => [file.path, file]));
    this.#prefix = `phi:${this.#scope.pathname}:`;
  }

  get #shellName(): string {
    return `${this.#prefix}shell:${this.#files.version}`;
  }

  get #runtimeName(): string {
    return `${this.#prefix}runtime`;
  }

  /** Path inside the app; null outside of it. */
  pathOf(address: string): string | null {
    const { origin, pathname } = new URL(address);
    if (origin !== this.#scope.origin || !pathname.startsWith(this.#scope.pathname)) return null;
    const path = pathname.slice(this.#scope.pathname.length);
    return path === 'index.html' ? '' : path;
  }

  /** The file at an address of the app; null for anything else, models among it. */
  fileAt(address: string): AppFile | null {
    const path = this.pathOf(address);
    return path === null ? null : (this.#byPath.get(path) ?? null);
  }

  /**
   * Keeps the whole shell, and the files of the runtime that the version before used, so that the app still works
   * offline after an update.
   */
  async install(): Promise<void> {
    const runtime = await caches.open(this.#runtimeName);
    const used = new Set((await runtime.keys()).map(({ url }) => stem(url)));
    await this.#keepMissing([
      ...this.#files.shell,
      ...this.#files.runtime.filter((file) => used.has(stem(this.#url(file)))),
    ]);
  }

  /** Drops what other versions left. */
  async clean(): Promise<void> {
    const mine = new Set([this.#shellName, this.#runtimeName]);
    const names = await caches.keys();
    await Promise.all(
      names.filter((name) => name.startsWith(this.#prefix) && !mine.has(name)).map((name) => caches.delete(name)),
    );
    const runtime = await caches.open(this.#runtimeName);
    const kept = new Set(this.#files.runtime.map((file) => this.#url(file)));
    await Promise.all(
      (await runtime.keys()).filter(({ url }) => !kept.has(url)).map((request) => runtime.delete(request)),
    );
  }

  /** Keeps what is missing of the shell and of `runtime`. False when it cannot be had. */
  async keep(runtime: (path: string) => boolean): Promise<boolean> {
    const wanted = [...this.#files.shell, ...this.#files.runtime.filter(({ path }) => runtime(path))];
    return this.#keepMissing(wanted).then(
      () => true,
      () => false, // Offline, or the server has another version meanwhile. The app is then not ready for offline use, and the page does not say that it is.
    );
  }

  /** The kept file, or the network's file, which is then kept. Rejects if neither has the expected hash. */
  async serve(file: AppFile, waitUntil: (work: Promise<unknown>) => void): Promise<Response> {
    const cache = await this.#cacheOf(file);
    const kept = await cache.match(this.#url(file));
    if (kept) return kept;
    const fetched = await this.#fetch(file);
    waitUntil(cache.put(this.#url(file), fetched.clone()));
    return fetched;
  }

  #url({ path }: AppFile): string {
    return new URL(path, this.#scope).href;
  }

  #cacheOf(file: AppFile): Promise<Cache> {
    return caches.open(this.#files.runtime.includes(file) ? this.#runtimeName : this.#shellName);
  }

  async #keepMissing(files: AppFile[]): Promise<void> {
    await Promise.all(
      files.map(async (file) => {
        const cache = await this.#cacheOf(file);
        if (!(await cache.match(this.#url(file)))) await cache.put(this.#url(file), await this.#fetch(file));
      }),
    );
  }

  async #fetch(file: AppFile): Promise<Response> {
    const response = await fetch(this.#url(file), { integrity: file.integrity, cache: 'no-cache' });
    if (!response.ok) throw new TypeError(`${this.#url(file)}: the server answered ${response.status}`);
    return withHeaders(response, file.path);
  }
}
