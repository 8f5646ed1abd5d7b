/**
 * The response headers that the app needs, one place for every server of it (scripts/serve.ts, Vite, the service worker).
 * Pure, so that each side can use it.
 */

/** Cross-origin isolation: without it there is no SharedArrayBuffer and WASM runs on one thread. Safari has no `credentialless`. */
export const ISOLATION_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Worker entries and ONNX Runtime's own glue, which runs as a worker for each thread. */
const WORKER_SCRIPT = /(?:^|\/)(?:[^/]*\.worker[^/]*|ort-[^/]*)\.m?js$/;

/**
 * Where the catalogue's models come from: the hub, and what it redirects large files to (`cdn.hf.co`, `xethub.hf.co`, `cdn-lfs...`; they
 * change, and a policy holds for the targets of redirects too).
 */
const MODEL_HOSTS = 'https://huggingface.co https://*.huggingface.co https://*.hf.co';

/** The worker that times servers on this machine (compare page): it reaches loopback and nothing else, and nothing else reaches loopback. */
const NATIVE_WORKER = /(?:^|\/)native\.worker[^/]*\.m?js$/;
/** Any port: each server has its own, and people change them. A source list cannot name `[::1]` (CSP3, host-part). */
const LOOPBACK = 'http://127.0.0.1:* http://localhost:*';

/**
 * Content-Security-Policy for one path of the app. A worker obeys the policy of its own response: only workers may compile
 * WebAssembly, call `new Function` (the jspi glue does) and reach the hub; the page may none of it.
 */
export function contentSecurityPolicy(path: string): string {
  const native = NATIVE_WORKER.test(path);
  const worker = WORKER_SCRIPT.test(path) && !native;
  const scripts = worker ? "'self' 'wasm-unsafe-eval' 'unsafe-eval'" : "'self'";
  return [
    "default-src 'none'",
    `script-src ${scripts}`,
    "worker-src 'self'",
    `connect-src ${native ? LOOPBACK : worker ? `'self' ${MODEL_HOSTS}` : "'self'"}`,
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** All security headers of one path. */
export function securityHeaders(path: string): Record<string, string> {
  return {
    ...ISOLATION_HEADERS,
    'Content-Security-Policy': contentSecurityPolicy(path),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  };
}
