/** The models that the scripted engine stores, and what it reports of a loaded one. */
import { isHubModel, type HubModel } from '../../workers/shared/hub.ts';
import type { EngineReport, LoadRequest, ModelManifest, StoredModel } from '../../workers/shared/protocol.ts';

export const FAKE_MANIFEST: ModelManifest = {
  format: 1,
  id: 'smollm2-135m-instruct-q4_1',
  name: 'SmolLM2 135M Instruct (Q4_1)',
  licence: { spdx: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  source: { name: 'a fake for tests', url: 'https://example.org/' },
  bytes: 98_362_432,
  files: [],
};

export const FAKE_MODEL: StoredModel = { ...FAKE_MANIFEST, storedAt: Date.UTC(2026, 10, 2), formBytes: 135_000_000 };

export const SECOND_FAKE: StoredModel = {
  ...FAKE_MODEL,
  id: 'phi-4-mini-q4',
  name: 'Phi-4-mini (Q4_K_M)',
  bytes: 2_490_000_000,
};

/** A model of a hub keeps its name and known sizes; anything else is the starter. */
export function fakeStored(model: ModelManifest | HubModel | string): StoredModel {
  if (typeof model !== 'object') return FAKE_MODEL;
  if (!isHubModel(model)) return { ...FAKE_MODEL, ...model };
  const { id, name, licence, base, repo, files } = model;
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  return { ...FAKE_MODEL, id, name, licence, source: { name: repo, url: `${base}/${repo}` }, bytes, formBytes: 0 };
}

export const NPU_REPORT: Partial<EngineReport> = {
  candidate: 'WebNN (NPU), int8',
  backend: 'webnn',
  device: 'WebNN on NPU',
  form: 'int8',
  shape: {
    layers: 32,
    hidden: 3072,
    heads: 24,
    kvHeads: 8,
    headDim: 128,
    intermediate: 8192,
    vocab: 200_064,
    context: 131_072,
  },
};

export function fakeReport(request: LoadRequest, slots: number, gpu: boolean): EngineReport {
  return {
    model: request.model,
    name: FAKE_MANIFEST.name,
    candidate: gpu ? 'WebGPU, int4' : 'WASM, int8',
    backend: gpu ? 'webgpu' : 'wasm',
    asked: { backend: request.backend, device: request.device ?? null },
    device: gpu ? 'WebGPU on a fake' : 'CPU, 2 threads',
    form: gpu ? 'int4' : 'int8',
    shape: {
      layers: 30,
      hidden: 576,
      heads: 9,
      kvHeads: 3,
      headDim: 64,
      intermediate: 1536,
      vocab: 49_152,
      context: 8192,
    },
    graphs: 1,
    nodesOnWasm: 0,
    contextLength: request.contextLength || slots,
    modelContext: 8192,
    bytesHeld: 141_000_000,
    loadMs: 1840,
    prepareMs: 620,
    compileMs: 410,
    warmUpMs: 230,
    threads: request.threads ?? 2,
    selfTest: { nll: 3.12, limit: 6.47 },
    runMs: 800,
    rejected: [
      ...(request.avoid ?? []).map(({ candidate, why }) => ({ what: candidate, why })),
      { what: 'WebNN, NPU', why: 'navigator.ml is absent: this browser has no WebNN, or it is behind a flag.' },
      { what: 'WebGPU', why: 'requestAdapter() gave null.' },
    ],
  };
}
