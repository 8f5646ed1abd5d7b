import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ModelManifest } from '../shared/protocol.ts';
import { untold } from '../shared/text-work.ts';
import type { ArrivingFiles } from '../store/arriving.ts';
import { ModelStore } from '../store/store.ts';
import { beforePut, freshDatabases, impatient } from '../store/testing/databases.ts';
import { FaultServer } from '../store/testing/fault-server.ts';
import { referenceBytes } from '../testing/references.ts';
import { EarlyModel } from './early-model.ts';
import { openHeader } from './model-header.ts';
import { layout, materialise } from './weights/plan.ts';
import { storedEarlyCache } from './weight-cache.ts';
import { stageWeights } from './wasm/stage-graph.ts';
import { stageForm, WASM_FORM_VERSION } from './wasm/weights.ts';

const gguf = referenceBytes('phi/phi4-mini/gguf/q8_0.gguf');
const SHARD_BYTES = Math.ceil(gguf.length / 12);
const WISH = { backend: 'wasm', contextLength: 256, stages: 2 } as const;
const PATIENCE_MS = 20_000;

let server: FaultServer;
let manifest: ModelManifest;

beforeEach(async () => {
  freshDatabases();
  vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: 1e9 }) } });
  server = await new FaultServer().start();
  server.files.set('/model.gguf', { bytes: gguf });
  const url = `${server.origin}/model.gguf`;
  const shards = Array.from({ length: 12 }, (_, i) => {
    const part = gguf.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES);
    const sha256 = createHash('sha256').update(part).digest('hex');
    return { url, offset: i * SHARD_BYTES, bytes: part.length, wholeUrl: false, sha256 };
  });
  manifest = {
    format: 1,
    id: 'tiny',
    name: 'Tiny',
    licence: { spdx: 'MIT', url: 'https://example.com/' },
    source: { name: 'test', url: 'https://example.com/' },
    bytes: gguf.length,
    files: [{ path: 'model.gguf', bytes: gguf.length, shards }],
  };
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await server.stop();
});

/** A download in a visit of its own, with what is made meanwhile. */
function visit() {
  const store = new ModelStore(impatient(server.origin));
  let early: EarlyModel | undefined;
  const install = (signal?: AbortSignal) =>
    store.install(manifest, {
      signal,
      onArriving: (files: ArrivingFiles) =>
        (early = new EarlyModel(files, WISH, untold, storedEarlyCache(store, files))),
    });
  return { store, install, early: () => early! };
}

/** Names of the groups that are written from now on. */
function watchForms(): { written: string[]; end: () => void } {
  const written: string[] = [];
  const end = beforePut((database, value, key) => {
    if (database === 'phi-forms' && !(value instanceof Blob)) written.push((key as string).split('/')[1]!);
  });
  return { written, end };
}

describe('weights of a model in stages', () => {
  it('are in the store when the download has ended, as the stages would make them, and an interruption keeps them', async () => {
    const first = visit();
    const before = watchForms();
    let served = 0;
    server.fault = () => (++served > 8 ? { kind: 'stall', afterBytes: 10 } : null);
    const controller = new AbortController();
    const interrupted = expect(first.install(controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => before.written.length, { timeout: PATIENCE_MS }).toBeGreaterThan(3);
    controller.abort();
    await interrupted;
    first.early().drop();
    await first.early().take();
    before.end();

    server.fault = () => null;
    const second = visit();
    const after = watchForms();
    const stored = await second.install();
    const files = await second.store.openStored('tiny');
    const { checkpoint } = await openHeader(files);
    const groups = stageWeights(checkpoint, 'int8', true);
    await expect.poll(() => before.written.length + after.written.length, { timeout: PATIENCE_MS }).toBe(groups.length);
    after.end();
    expect(new Set([...before.written, ...after.written]).size, 'nothing is made twice').toBe(groups.length);
    expect((await second.early().take())?.weights).toBeUndefined();
    for (const group of groups) {
      const key = { model: stored, form: stageForm('int8', group.location), version: WASM_FORM_VERSION };
      const kept = new Uint8Array(await (await second.store.openForm(key))!.arrayBuffer());
      expect(kept.length).toBe(layout(group).bytes);
      expect(Buffer.from(kept).equals(await materialise(group)), group.location).toBe(true);
    }
  });

  it('are left to the load where there is no room for all of them', async () => {
    vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: 1e5 }) } });
    const { written, end } = watchForms();
    const { install, early } = visit();
    await install();
    expect(await early().take()).not.toBeNull();
    end();
    expect(written).toEqual([]);
  });
});
