/**
 * The response headers that the app needs, one place for every server of it (scripts/server.ts, Vite, the service worker, the page's own
 * `<meta>`). Pure, so that each side can use it.
 */

/** Cross-origin isolation: without it there is no SharedArrayBuffer and WASM runs on one thread. Safari has no `credentialless`. */
export const ISOLATION_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

export const CSP = 'Content-Security-Policy';

/** Worker entries and ONNX Runtime's own glue, which runs as a worker for each thread. */
const WORKER_SCRIPT = /(?:^|\/)(?:[^/]*\.worker[^/]*|ort-[^/]*)\.m?js$/;

/** Whether the script at `path` runs as a worker, under a policy of its own. */
export const isWorkerScript = (path: string): boolean => WORKER_SCRIPT.test(path);

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

/** What nothing here uses is off, so that no injected code could use it either. */
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

/** The worker that times servers on this machine (compare page): it reaches loopback and what a person allowed it besides, and nothing else reaches loopback. */
const NATIVE_WORKER = /(?:^|\/)server\.worker[^/]*\.m?js$/;

/** Whether the script at `path` is that worker: what is allowed to it is allowed to no other, and the other way round. */
export const isServerWorker = (path: string): boolean => NATIVE_WORKER.test(path);
/** Any port: each server has its own, and people change them. A source list cannot name `[::1]` (CSP3, host-part). */
const LOOPBACK: readonly string[] = ['http://127.0.0.1:*', 'http://localhost:*'];

/**
 * Content-Security-Policy for one path of the app. A worker obeys the policy of its own response: only workers may compile
 * WebAssembly, call `new Function` (the jspi glue does) and reach the hub; the page may none of it.
 * @param allowedHosts origins that a person has allowed this path besides; for workers only
 */
export function contentSecurityPolicy(path: string, allowedHosts: readonly string[] = []): string {
  return [...directives(path, allowedHosts), "frame-ancestors 'none'"].join('; ');
}

/** The page's policy for a `<meta>`: all of it but the framing, which only a header may forbid. For hosts without headers. */
export const metaPolicy = (): string => directives('', []).join('; ');

function directives(path: string, allowedHosts: readonly string[]): string[] {
  const native = isServerWorker(path);
  const worker = isWorkerScript(path) && !native;
  const connect = native
    ? [...LOOPBACK, ...allowedHosts]
    : ["'self'", ...(worker ? [...MODEL_HOSTS, ...allowedHosts] : [])];
  return [
    "default-src 'none'",
    `script-src 'self'${worker ? " 'wasm-unsafe-eval' 'unsafe-eval'" : ''}`,
    "worker-src 'self'",
    `connect-src ${connect.join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    // ONNX Runtime starts its threads and makes functions from strings: its worker cannot be held to this.
    ...(worker ? [] : TRUSTED_TYPES),
  ];
}

/** All security headers of one path. */
export function securityHeaders(path: string, allowedHosts: readonly string[] = []): Record<string, string> {
  return {
    ...ISOLATION_HEADERS,
    [CSP]: contentSecurityPolicy(path, allowedHosts),
    'Permissions-Policy': PERMISSIONS.map((feature) => `${feature}=()`).join(', '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  };
}
