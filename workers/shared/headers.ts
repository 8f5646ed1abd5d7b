/**
 * The response headers that the app needs, one place for every server of it (scripts/build/server.ts, Vite, the service worker, the page's own
 * `<meta>`). Pure, so that each side can use it.
 */

/** Cross-origin isolation: without it there is no SharedArrayBuffer and WASM runs on one thread. Safari has no `credentialless`. */
export const ISOLATION_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The purpose for which a server is allowed: to download models, to receive the comparison's prompts, or to receive a chat. */
export type Purpose = 'models' | 'compare' | 'chat';

export const CSP = 'Content-Security-Policy';

/**
 * What each worker of the app may do. A worker that is not listed here (a new entry, a library's own) may connect to nothing and makes no code
 * from strings. `runtime`: it runs ONNX Runtime, which compiles WebAssembly and calls `new Function` (the jspi build's glue does).
 * `network`: `models` = this origin, the model hub and the servers a person allowed for downloads; `own` = this origin; `compare` and `chat` =
 * loopback and the servers a person allowed for comparisons, or for conversations; `none` = nothing.
 */
interface WorkerRights {
  runtime: boolean;
  network: Purpose | 'own' | 'none';
}
const WORKER_RIGHTS: Readonly<Record<string, WorkerRights>> = {
  'engine.worker': { runtime: true, network: 'models' },
  // These read models that are stored already: they need ONNX Runtime's own files and nothing else.
  'stage.worker': { runtime: true, network: 'own' },
  'compare.worker': { runtime: true, network: 'own' },
  'evaluate.worker': { runtime: true, network: 'own' },
  // It gets its WebAssembly module from the worker that started it.
  'step.worker': { runtime: false, network: 'none' },
  'server.worker': { runtime: false, network: 'compare' },
  'chat.worker': { runtime: false, network: 'chat' },
  // Strangers' files: what reads them, and what keeps their text, sends nothing anywhere.
  'reader.worker': { runtime: false, network: 'none' },
  'documents.worker': { runtime: false, network: 'none' },
};
/** ONNX Runtime's glue runs as a worker for each of its threads. It gets its WebAssembly module from the worker that started it. */
const RUNTIME_THREAD: WorkerRights = { runtime: true, network: 'own' };
const UNLISTED: WorkerRights = { runtime: false, network: 'none' };

/** `engine.worker-D3adB33f.js` -> `engine.worker`: the bundler adds a hash. */
const WORKER_NAME = /(?:^|\/)([^/]*\.worker)[^/]*\.m?js$/;
const RUNTIME_GLUE = /(?:^|\/)ort-[^/]*\.m?js$/;

/** Rights of the script at `path` where it runs as a worker; null: it is not a worker's script. */
function workerRights(path: string): WorkerRights | null {
  if (RUNTIME_GLUE.test(path)) return RUNTIME_THREAD;
  const name = WORKER_NAME.exec(path)?.[1];
  return name === undefined ? null : (WORKER_RIGHTS[name] ?? UNLISTED);
}

/** True if the script at `path` runs as a worker, under its own policy. */
export const isWorkerScript = (path: string): boolean => workerRights(path) !== null;

/**
 * Where the catalogue's models come from: the hub, and what it redirects large files to (`cdn.hf.co`, `xethub.hf.co`, `cdn-lfs...`; they
 * change, and a policy holds for the targets of redirects too).
 */
export const MODEL_HOSTS: readonly string[] = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];

/** Who may make HTML or the address of a script from a string: Svelte's templates, the sanitiser of replies, and src/script-url.ts. */
const TRUSTED_TYPES = [
  "require-trusted-types-for 'script'",
  "trusted-types svelte-trusted-html dompurify phi-script-url 'allow-duplicates'",
];

/** Unused features are off, so that injected code cannot use them either. */
const PERMISSIONS = [
  'camera',
  'microphone',
  'geolocation',
  'display-capture',
  'midi',
  'payment',
  'usb',
  'serial',
  'hid',
  'publickey-credentials-get',
];

/** The purpose for which the script at `path` may reach the servers that a person allowed for it. null: it may not reach any. */
export function purposeOf(path: string): Purpose | null {
  const network = workerRights(path)?.network;
  return network === undefined || network === 'own' || network === 'none' ? null : network;
}

/** Any port: each server has its own, and people change them. A source list cannot name `[::1]` (CSP3, host-part). */
const LOOPBACK: readonly string[] = ['http://127.0.0.1:*', 'http://localhost:*'];

/**
 * Content-Security-Policy for one path of the app. A worker obeys the policy of its own response.
 * @param path of the URL, with or without what the app is served under
 * @param allowedHosts origins that a person has allowed this path besides; for workers only
 */
export function contentSecurityPolicy(path: string, allowedHosts: readonly string[] = []): string {
  return [...directives(path, allowedHosts), "frame-ancestors 'none'"].join('; ');
}

/** The page's policy for a `<meta>`: all of it but the framing, which only a header may forbid. For hosts without headers. */
export const metaPolicy = (): string => directives('', []).join('; ');

function connectSources(rights: WorkerRights | null, allowedHosts: readonly string[]): readonly string[] {
  switch (rights?.network) {
    case 'models':
      return ["'self'", ...MODEL_HOSTS, ...allowedHosts];
    case 'compare':
    case 'chat':
      return [...LOOPBACK, ...allowedHosts];
    case 'none':
      return ["'none'"];
    default: // the page, and workers that load nothing but the app's own files
      return ["'self'"];
  }
}

function directives(path: string, allowedHosts: readonly string[]): string[] {
  const rights = workerRights(path);
  const runtime = rights?.runtime ?? false;
  return [
    "default-src 'none'",
    `script-src 'self'${runtime ? " 'wasm-unsafe-eval' 'unsafe-eval'" : ''}`,
    "worker-src 'self'",
    `connect-src ${connectSources(rights, allowedHosts).join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    // ONNX Runtime starts its threads and makes functions from strings: its worker cannot be held to this.
    ...(runtime ? [] : TRUSTED_TYPES),
  ];
}

/** The page that other sites open as a popup: with isolation it would not know who opened it. Everything else keeps `same-origin`. */
const LEND_PAGE_PATH = /(?:^|\/)lend\.html$/;

/** All security headers of one path. */
export function securityHeaders(path: string, allowedHosts: readonly string[] = []): Record<string, string> {
  return {
    ...ISOLATION_HEADERS,
    ...(LEND_PAGE_PATH.test(path) ? { 'Cross-Origin-Opener-Policy': 'unsafe-none' } : {}),
    [CSP]: contentSecurityPolicy(path, allowedHosts),
    'Permissions-Policy': PERMISSIONS.map((feature) => `${feature}=()`).join(', '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    // A link in a reply must not make the browser ask a name server about it.
    'X-DNS-Prefetch-Control': 'off',
  };
}
