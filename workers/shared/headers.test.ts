import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy, metaPolicy, purposeOf, securityHeaders } from './headers.ts';

const ENGINES = ['/assets/engine.worker-D8xJObzn.js', 'assets/engine.worker-1.js', '/workers/engine.worker.mjs'];
/** They run ONNX Runtime over models that are stored already. */
const RUNTIMES = [
  '/assets/stage.worker-1.js',
  '/assets/compare.worker-1.js',
  'assets/evaluate.worker-1.js',
  '/phi/assets/ort-wasm-simd-threaded.jspi-BoEwGRw5.mjs',
];
const OTHERS = [
  '/',
  '/index.html',
  '/assets/index-1.js',
  '/service-worker.js',
  '/phi/',
  '/engine.worker/page.html',
  '/assets/ort-files-1.css',
];

function directive(policy: string, name: string): string[] {
  const found = policy.split('; ').filter((part) => part.startsWith(`${name} `));
  expect(found).toHaveLength(1);
  return found[0]!.split(' ').slice(1);
}

describe('contentSecurityPolicy', () => {
  it.each(OTHERS)('gives %s neither eval, nor inline script, nor another host', (path) => {
    const policy = contentSecurityPolicy(path, ['http://127.0.0.1:8080']);
    expect(policy).not.toMatch(/unsafe|http/);
    expect(directive(policy, 'script-src')).toEqual(["'self'"]);
    expect(directive(policy, 'connect-src')).toEqual(["'self'"]);
    expect(directive(policy, 'require-trusted-types-for')).toEqual(["'script'"]);
  });

  it.each(ENGINES)('gives %s what ONNX Runtime and downloads need, and no inline script', (path) => {
    const policy = contentSecurityPolicy(path);
    expect(directive(policy, 'script-src')).toEqual(["'self'", "'wasm-unsafe-eval'", "'unsafe-eval'"]);
    expect(directive(policy, 'connect-src')).toEqual([
      "'self'",
      'https://huggingface.co',
      'https://*.huggingface.co',
      'https://*.hf.co',
    ]);
    expect(directive(contentSecurityPolicy(path, ['http://127.0.0.1:8080']), 'connect-src')).toContain(
      'http://127.0.0.1:8080',
    );
  });

  it.each(RUNTIMES)('lets %s run ONNX Runtime, and reach no other host whatever a person allowed', (path) => {
    const policy = contentSecurityPolicy(path, ['http://127.0.0.1:8080']);
    expect(directive(policy, 'script-src')).toEqual(["'self'", "'wasm-unsafe-eval'", "'unsafe-eval'"]);
    expect(directive(policy, 'connect-src')).toEqual(["'self'"]);
  });

  it.each([
    '/assets/unknown.worker-1.js',
    '/assets/reader.worker-1.js',
    '/phi/assets/documents.worker-2.js',
    '/assets/pdf.worker.min-2.mjs',
    '/phi/assets/my-engine.worker-3.js',
  ])('lets a worker that is not listed, or reads documents, %s, connect to nothing and evaluate nothing', (path) => {
    const policy = contentSecurityPolicy(path, ['http://127.0.0.1:8080']);
    expect(directive(policy, 'connect-src')).toEqual(["'none'"]);
    expect(directive(policy, 'script-src')).toEqual(["'self'"]);
    expect(purposeOf(path)).toBeNull();
  });

  it.each(['server', 'chat'])('lets %s.worker reach this machine, and what was allowed to it', (name) => {
    const sources = (...hosts: string[]) =>
      directive(contentSecurityPolicy(`/assets/${name}.worker-1.js`, hosts), 'connect-src');
    expect(sources()).toEqual(['http://127.0.0.1:*', 'http://localhost:*']);
    expect(sources('https://lab.example')).toEqual(['http://127.0.0.1:*', 'http://localhost:*', 'https://lab.example']);
  });

  it('gives every leave to one worker alone', () => {
    const names = ['engine', 'server', 'chat', 'stage', 'compare', 'evaluate', 'highlight', 'unknown'];
    expect(names.map((name) => purposeOf(`/assets/${name}.worker-1.js`))).toEqual([
      'models',
      'compare',
      'chat',
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(purposeOf('/index.html')).toBeNull();
  });

  it('allows by default nothing, and no frame', () => {
    expect(directive(contentSecurityPolicy('/'), 'default-src')).toEqual(["'none'"]);
    expect(directive(contentSecurityPolicy('/'), 'frame-ancestors')).toEqual(["'none'"]);
  });

  it('comes in a <meta> without what browsers refuse there', () => {
    expect(metaPolicy()).not.toContain('frame-ancestors');
    expect(contentSecurityPolicy('/')).toBe(`${metaPolicy()}; frame-ancestors 'none'`);
  });
});

describe('securityHeaders', () => {
  it('isolate, and switch off what is not used', () => {
    const headers = securityHeaders('/');
    expect(headers).toMatchObject({
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    });
    expect(headers['Permissions-Policy']).toMatch(/^\w[\w-]*=\(\)(, \w[\w-]*=\(\))*$/);
    expect(headers['Permissions-Policy']).toContain('camera=()');
    expect(headers['X-DNS-Prefetch-Control']).toBe('off');
  });
});
