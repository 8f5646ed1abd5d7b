/**
 * `npm run bench:first-visit`: a random Phi-4-mini of full size from its first byte to "ready", on WASM in stages, without a reload between: with its
 * weights made behind the download, and while it is downloaded. Each visit has a fresh profile. Takes minutes, 10 GB of memory and 15 GB of disk.
 */
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { LoadOptions } from '../../workers/shared/protocol.ts';
import { seconds, spansOf, spanTable } from '../spans.ts';
import { makeFullSize } from './make.ts';
import { MemoryWatch } from './memory.ts';
import { GB, need } from './outcome.ts';
import { openFullSizeSite } from './site.ts';

const USAGE =
  'npm run bench:first-visit -- [--layers 32] [--stages N] [--rate MB/s] [--order behind,during] [--interrupt]\n' +
  '  --rate       the server sends at most this many megabytes a second; default: as fast as it can\n' +
  '  --interrupt  the download is cancelled after half of its shards, and goes on after a reload';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    layers: { ...text, default: '32' },
    rate: text,
    stages: text,
    order: { ...text, default: 'behind,during' },
    interrupt: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
const WISH: LoadOptions = {
  backend: 'wasm',
  contextLength: 2048,
  ...(values.stages !== undefined && { stages: Number(values.stages) }),
};

/** Serves ranges of a folder's files at a limited rate, and notes when. */
class Shards {
  first = Infinity;
  last = -Infinity;
  served = 0;
  /** Shards are refused from this one on. */
  limit = Infinity;
  #free = 0;

  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  readonly intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (to === undefined || !request.url?.startsWith('/models/')) return false;
    if (this.served >= this.limit) {
      response.destroy();
      return true;
    }
    this.served++;
    this.first = Math.min(this.first, Date.now());
    response.on('finish', () => (this.last = Math.max(this.last, Date.now())));
    if (values.rate === undefined) return false;
    void this.#send(request.url.slice('/models/'.length), Number(from), Number(to), response);
    return true;
  };

  async #send(path: string, from: number, to: number, response: ServerResponse): Promise<void> {
    const bytesPerMs = Number(values.rate) * 1e3;
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/*`, 'Content-Length': to - from + 1 });
    for await (const piece of createReadStream(join(this.#folder, path), {
      start: from,
      end: to,
    }) as AsyncIterable<Buffer>) {
      const now = performance.now();
      this.#free = Math.max(this.#free, now) + piece.length / bytesPerMs;
      if (this.#free > now + 5) await sleep(this.#free - now);
      if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve));
    }
    response.end();
  }
}

async function visit(early: boolean): Promise<void> {
  const { folder, manifest } = await makeFullSize('gguf', Number(values.layers), console.log);
  const shards = new Shards(folder);
  const site = await openFullSizeSite({ '/models': folder }, shards.intercept);
  const memory = new MemoryWatch(site.profile);
  const { page } = site;
  const next = early ? WISH : undefined;
  const install = () =>
    page.evaluate(([url, wish]) => window.fullSize.install(url, wish), ['/models/manifest.json', next] as const);
  const name = early ? 'Weights during the download' : 'Weights behind the download';
  try {
    if (values.interrupt) {
      shards.limit = Math.ceil(manifest.files.reduce((sum, file) => sum + file.shards.length, 0) / 2);
      const outcome = await install();
      if (!('error' in outcome)) throw new Error('The download went on without its server.');
      const kept = await page.evaluate((id) => window.fullSize.formBytes(id), manifest.id);
      console.log(`${name}: the server went away after ${shards.served} shards; ${GB(kept)} of weights are kept`);
      await site.reload();
      Object.assign(shards, { limit: Infinity, first: Infinity });
    }
    need(await install());
    const kept = await page.evaluate((id) => window.fullSize.formBytes(id), manifest.id);
    const report = need(await page.evaluate((wish) => window.fullSize.load(wish), { ...WISH, model: manifest.id }));
    const ready = Date.now();
    const { tabBytes, allBytes } = memory.take();
    console.log(
      `${name}: first byte to ready ${seconds(ready - shards.first)} s, last byte to ready ${seconds(ready - shards.last)} s, ` +
        `download ${seconds(shards.last - shards.first)} s; ${GB(kept)} of ${GB(report.bytesHeld)} kept by its end; ` +
        `${report.graphs} stages; peak of the tab ${GB(tabBytes)}, of the browser ${GB(allBytes)}`,
    );
    console.log(spanTable(await spansOf(page, shards.last)));
  } catch (error) {
    console.error(`${name}: the page's console said:\n${site.session.errors.join('\n')}`);
    throw error;
  } finally {
    await memory.stop();
    await site.close();
  }
}

if (values.help) console.log(USAGE);
else for (const one of values.order.split(',')) await visit(one === 'during');
