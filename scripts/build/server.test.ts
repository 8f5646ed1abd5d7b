import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentSecurityPolicy } from '../../workers/shared/headers.ts';
import { serve, type RunningServer } from './server.ts';

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phi-serve-'));
  await mkdir(join(folder, 'dist', 'assets'), { recursive: true });
  await writeFile(join(folder, 'dist', 'index.html'), '<title>Phi</title>');
  await writeFile(join(folder, 'dist', 'assets', 'engine.worker-1.js'), '0');
  await writeFile(join(folder, 'dist', 'assets', 'app-1.js'), '0');
  await writeFile(join(folder, 'dist', 'assets', 'ort-1.wasm'), '0');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(folder, 'model 1.bin'), '0123456789');
  server = await serve({ root: join(folder, 'dist'), mounts: { '/model/0': join(folder, 'model 1.bin') } });
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(new URL(path, server.url), { headers });

describe('serve', () => {
  it('answers with isolation, CSP and the right MIME types', async () => {
    const page = await get('');
    expect(await page.text()).toBe('<title>Phi</title>');
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe-eval');
    expect((await get('assets/app-1.js')).headers.get('content-security-policy')).not.toContain('unsafe-eval');
    const worker = await get('assets/engine.worker-1.js');
    expect(worker.headers.get('content-type')).toMatch(/javascript/);
    expect(worker.headers.get('content-security-policy')).toContain("'unsafe-eval'");
    expect(worker.headers.get('content-security-policy')).not.toContain('127.0.0.1');
    expect((await get('assets/ort-1.wasm')).headers.get('content-type')).toBe('application/wasm');
  });

  it('lets one worker reach this machine, and that one nothing else', () => {
    const policy = contentSecurityPolicy('/assets/server.worker-1.js');
    expect(policy).toContain('connect-src http://127.0.0.1:* http://localhost:*;');
    expect(policy).toContain("script-src 'self';");
  });

  it('serves ranges, and honours If-Range with a strong ETag', async () => {
    const whole = await get('model/0');
    const etag = whole.headers.get('etag')!;
    expect(etag).toMatch(/^"/);
    const part = await get('model/0', { Range: 'bytes=2-5', 'If-Range': etag });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 2-5/10');
    expect(await part.text()).toBe('2345');
    const changed = await get('model/0', { Range: 'bytes=2-5', 'If-Range': '"other"' });
    expect(changed.status).toBe(200);
    expect(await changed.text()).toBe('0123456789');
    expect((await get('model/0', { Range: 'bytes=10-' })).status).toBe(416);
  });

  it('serves nothing outside its folders', async () => {
    expect((await get('nothing')).status).toBe(404);
    expect((await get('%2e%2e/secret.txt')).status).toBeGreaterThanOrEqual(400);
    expect((await get('model/0/secret.txt')).status).toBeGreaterThanOrEqual(400);
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
  });

  it('takes another port when the wanted one is in use', async () => {
    const second = await serve({ root: join(folder, 'dist'), port: server.port });
    expect(second.port).not.toBe(server.port);
    await second.close();
  });

  it('serves under a base path, bare, and lets a test answer first', async () => {
    const bare = await serve({
      root: join(folder, 'dist'),
      base: '/phi/',
      securityHeaders: false,
      intercept: (request, response) => {
        if (!request.url?.endsWith('/cut')) return false;
        response.writeHead(503).end();
        return true;
      },
    });
    const page = await fetch(bare.url);
    expect(bare.url).toMatch(/\/phi\/$/);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toBeNull();
    expect((await fetch(new URL('/', bare.url))).status).toBe(404);
    expect((await fetch(new URL('cut', bare.url))).status).toBe(503);
    await bare.close();
  });
});
