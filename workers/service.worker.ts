/**
 * Entry of the service worker: the app offline, with the headers that it needs on any host, one version at a time. It answers for the
 * app's own files only; models and other origins pass by.
 */
import { purposeOf } from './shared/headers.ts';
import { allowedHosts } from './shared/allowed-hosts.ts';
import { AppCache, withHeaders } from './offline/app-cache.ts';
import type { AppFile, AppFiles, OfflineState, ToServiceWorker } from './shared/offline-protocol.ts';

declare const self: ServiceWorkerGlobalScope & { PHI_FILES: AppFiles };

const cache = new AppCache(self.PHI_FILES, self.registration.scope);

/** Requests that run or frame code. They need the headers even if the file is not one that the app keeps. */
const NEED_HEADERS: readonly RequestDestination[] = ['document', 'worker', 'sharedworker', 'script', 'style'];

/** The build of ONNX Runtime that this browser takes; see preferredBuild in engine/runtime/ort.ts. */
const usesRuntime = (path: string): boolean => path.includes('.jspi') === 'Suspending' in WebAssembly;

self.addEventListener('install', (event) => event.waitUntil(cache.install()));

self.addEventListener('activate', (event) => event.waitUntil(cache.clean().then(() => self.clients.claim())));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || request.headers.has('Range')) return;
  const path = cache.pathOf(request.url);
  if (path === null) return;
  const file = cache.fileAt(request.url);
  if (file) event.respondWith(answer(event, file).then((response) => withAllowedHosts(response, path)));
  else if (NEED_HEADERS.includes(request.destination)) {
    event.respondWith(fetch(request).then((response) => withAllowedHosts(withHeaders(response, path), path)));
  }
});

self.addEventListener('message', (event) => {
  const message = event.data as ToServiceWorker;
  if (message.type === 'activate') event.waitUntil(self.skipWaiting());
  else event.waitUntil(report(event.ports[0]));
});

/** A file that is neither kept nor on the server in this version is served as the server has it (the browser dropped the cache, and another version was deployed). */
async function answer(event: FetchEvent, file: AppFile): Promise<Response> {
  try {
    return await cache.serve(file, (work) => event.waitUntil(work));
  } catch {
    return withHeaders(await fetch(event.request), file.path);
  }
}

/** Adds the servers that a person has allowed. They change while the file stays the same, so this happens whenever a worker starts. */
async function withAllowedHosts(response: Response, path: string): Promise<Response> {
  const purpose = purposeOf(path);
  if (purpose === null) return response;
  // A database that fails allows nothing.
  const hosts = await allowedHosts(purpose).catch(() => []);
  return hosts.length === 0 ? response : withHeaders(response, path, hosts);
}

async function report(port: MessagePort | undefined): Promise<void> {
  const state: OfflineState = { version: self.PHI_FILES.version, ready: await cache.keep(usesRuntime) };
  port?.postMessage(state);
}
