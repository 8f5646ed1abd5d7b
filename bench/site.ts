/** The bench page in a browser: built, served cross-origin isolated, with the starter in every form that was made. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { launch, type Session } from '../scripts/cli/browser/launch.ts';
import { ROOT } from '../scripts/build/app.ts';
import { serve } from '../scripts/build/server.ts';
import { ISOLATION_HEADERS } from '../workers/shared/headers.ts';
import { buildToolPage } from '../scripts/build/tool-page.ts';
import { PeerPage, type OpenPeer } from './peer-page.ts';
import type { BackendName } from './peers/peer.ts';
import type { Starter } from './starter.ts';

export interface Site extends BenchPlace {
  url: string;
  browser: Session;
}

/** Opens engines: in a browser, or in processes with Dawn. */
export interface BenchPlace {
  open: OpenPeer;
  /** The same profile in a fresh browser: so that rounds share nothing but the stored files. */
  restart(): Promise<void>;
  /** Processor, memory and system; and what runs the engines, in its own words. */
  machine: string;
  agent: string;
  close(): Promise<void>;
}

export const machineName = (): string =>
  `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`;

export async function openSite(
  starter: Starter,
  { backend, browser, browserArgs }: { backend: BackendName; browser?: string; browserArgs: string[] },
): Promise<Site> {
  const root = join(starter.cache, 'page');
  await buildToolPage(join(ROOT, 'bench'), 'bench.html', root);
  const server = await serve({
    root,
    mounts: { '/starter.gguf': starter.gguf, '/starter-onnx': starter.onnx, '/models': join(ROOT, 'public/models') },
    // The peers start workers from blobs, which the app's own Content-Security-Policy forbids.
    securityHeaders: false,
    intercept: (_request, response) => {
      for (const [name, value] of Object.entries(ISOLATION_HEADERS)) response.setHeader(name, value);
      return false;
    },
  });
  // On the disk: a profile in memory would load from memory.
  const profile = await mkdtemp(join(starter.cache, 'profile-'));
  const gpu = backend !== 'wasm';
  const close = async () => {
    await server.close();
    await rm(profile, { recursive: true, force: true });
  };
  try {
    const start = () =>
      launch({ profile, gpu, realGpu: gpu && browser !== undefined, executable: browser, args: browserArgs });
    let session = await start();
    return {
      url: server.url,
      get browser() {
        return session;
      },
      async restart() {
        await session.close();
        session = await start();
      },
      open: (name, options) => PeerPage.open(session.context, server.url, name, options),
      machine: machineName(),
      agent: await session.page.evaluate(() => navigator.userAgent),
      async close() {
        await session.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
