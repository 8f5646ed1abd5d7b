/** See padded-webnn.ts. */
import { expose } from 'comlink';
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { loadOrt, makeSession, type Ort } from '../../workers/engine/runtime/ort.ts';
import { openCheckpoint } from '../../workers/engine/checkpoint/open.ts';
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { ropeTable } from '../../workers/engine/graph/rope.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { createTokenizer, type Tokenizer } from '../../workers/engine/tokenizer/tokenizer.ts';
import { materialise } from '../../workers/engine/weights/plan.ts';
import { paddedWeights } from '../onnx/padded-weights.ts';
import { paddedGraph, type PaddedShape } from '../onnx/padded.ts';

/** The part of WebNN that is used here. */
interface MLTensor {
  readonly dataType: 'float32';
  readonly shape: readonly number[];
  destroy(): void;
}
interface MLContext {
  createTensor(descriptor: {
    dataType: 'float32';
    shape: readonly number[];
    readable: boolean;
    writable: boolean;
  }): Promise<MLTensor>;
  readTensor(tensor: MLTensor): Promise<ArrayBuffer>;
}
interface MLGraphBuilder {
  build(outputs: object): Promise<{ devices?: readonly string[] }>;
}
const scope = globalThis as unknown as {
  MLGraphBuilder?: { prototype: MLGraphBuilder };
  navigator: { ml?: { createContext(options: { deviceType: string }): Promise<MLContext> } };
};

export interface PaddedSetup {
  modelUrl: string;
  threads: number;
  /** Positions of context: the width of the prefill graph. */
  length: number;
  deviceType: 'npu' | 'gpu' | 'cpu';
  attention: PaddedShape['attention'];
}

/** Score of a key that must not be seen; finite, so that a fully hidden row gives no NaN. */
const HIDDEN = -1e30;

interface Loaded {
  ort: Ort;
  context: MLContext;
  config: PhiConfig;
  tokenizer: Tokenizer;
  length: number;
  attention: PaddedShape['attention'];
  prefill: InferenceSession;
  decode: InferenceSession;
  prefillLogits: MLTensor;
  decodeLogits: MLTensor;
  /** Two sets of the cache: a run reads one and writes the other. */
  caches: [MLTensor[], MLTensor[]];
}

let loaded: Loaded | null = null;

async function tensor(context: MLContext, shape: number[], readable: boolean): Promise<MLTensor> {
  return context.createTensor({ dataType: 'float32', shape, readable, writable: false });
}

/** Names of the cache's tensors, in order. */
const cacheNames = (config: PhiConfig, prefix: string): string[] =>
  Array.from({ length: config.layers }, (_, layer) => [`${prefix}.${layer}.key`, `${prefix}.${layer}.value`]).flat();

/** Inputs that give a graph the positions of its tokens; `past` is the position of the first. */
function positionFeeds(
  { ort, config, attention }: Loaded,
  width: number,
  length: number,
  past: number,
  valid: number,
): Record<string, Tensor> {
  const float = (data: Float32Array, dims: number[]) => new ort.Tensor('float32', data, dims);
  if (attention === 'gqa') return { seqlens_k: new ort.Tensor('int32', Int32Array.of(valid - 1), [1]) };
  const { headDim } = config;
  const half = headDim / 2;
  const rope = ropeTable(config, 'short', past, width);
  const cos = new Float32Array(width * headDim);
  const sin = new Float32Array(width * headDim);
  for (let w = 0; w < width; w++) {
    for (let i = 0; i < headDim; i++) {
      cos[w * headDim + i] = rope.cos[w * half + (i % half)]!;
      sin[w * headDim + i] = (i < half ? -1 : 1) * rope.sin[w * half + (i % half)]!;
    }
  }
  const mask = new Float32Array(width * length);
  for (let w = 0; w < width; w++) mask.fill(HIDDEN, w * length + past + w + 1, (w + 1) * length);
  const feeds = {
    cos: float(cos, [width, 1, headDim]),
    sin: float(sin, [width, 1, headDim]),
    mask: float(mask, [width, length]),
  };
  if (width === length) return feeds;
  const place = new Float32Array(length);
  place[past] = 1;
  return {
    ...feeds,
    place: float(place, [length, 1]),
    keep: float(
      place.map((at) => 1 - at),
      [length, 1],
    ),
  };
}

async function run(
  session: InferenceSession,
  ids: readonly number[],
  past: number,
  valid: number,
  logits: MLTensor,
): Promise<void> {
  const { ort, config, caches, length } = loaded!;
  const dims = [1, config.kvHeads, length, config.headDim];
  const wrap = (from: MLTensor, shape: readonly number[]): Tensor =>
    ort.Tensor.fromMLTensor(from, { dataType: 'float32', dims: shape });
  const [read, write] = caches;
  const feeds: Record<string, Tensor> = {
    input_ids: new ort.Tensor('int32', Int32Array.from(ids), [ids.length]),
    ...positionFeeds(loaded!, ids.length, length, past, valid),
  };
  cacheNames(config, 'past_key_values').forEach((name, i) => {
    if (session.inputNames.includes(name)) feeds[name] = wrap(read[i]!, dims);
  });
  const fetches: Record<string, Tensor> = { logits: wrap(logits, [ids.length, config.vocab]) };
  cacheNames(config, 'present').forEach((name, i) => (fetches[name] = wrap(write[i]!, dims)));
  await session.run(feeds, fetches);
  loaded!.caches = [write, read];
}

function argmax(logits: Float32Array, row: number, vocab: number): number {
  let best = row * vocab;
  for (let i = best + 1; i < (row + 1) * vocab; i++) if (logits[i]! > logits[best]!) best = i;
  return best - row * vocab;
}

const api = {
  async load({
    modelUrl,
    threads,
    length,
    deviceType,
    attention,
  }: PaddedSetup): Promise<{ graphs: number; devices: string[] }> {
    const blob = await (await fetch(modelUrl)).blob();
    const checkpoint = await openCheckpoint(new Map([['starter.gguf', blobSource('starter.gguf', blob)]]));
    const { config } = checkpoint;
    const ort = await loadOrt('jspi', threads);
    const { ml } = scope.navigator;
    if (!ml || !scope.MLGraphBuilder) throw new Error('This browser has no WebNN.');
    const context = await ml.createContext({ deviceType });
    const devices: string[] = [];
    let graphs = 0;
    const builder = scope.MLGraphBuilder.prototype;
    const build = Reflect.get<MLGraphBuilder, 'build'>(builder, 'build');
    builder.build = async function (outputs) {
      const graph = await build.call(this, outputs);
      graphs++;
      devices.push(...(graph.devices ?? []));
      return graph;
    };
    const groups = paddedWeights(checkpoint);
    const externalData: { path: string; data: Blob }[] = [];
    for (const group of groups) externalData.push({ path: group.location, data: new Blob([await materialise(group)]) });
    const session = (width: number) =>
      makeSession(ort, paddedGraph(config, groups, { width, length, attention }), {
        executionProviders: [{ name: 'webnn', deviceType, context }],
        logSeverityLevel: 3,
        externalData,
      });
    const prefill = await session(length);
    const decode = await session(1);
    const cache = () =>
      Promise.all(
        cacheNames(config, 'past').map(() => tensor(context, [1, config.kvHeads, length, config.headDim], false)),
      );
    loaded = {
      ort,
      context,
      config,
      tokenizer: createTokenizer(checkpoint.tokenizer),
      length,
      attention,
      prefill,
      decode,
      prefillLogits: await tensor(context, [length, config.vocab], true),
      decodeLogits: await tensor(context, [1, config.vocab], true),
      caches: [await cache(), await cache()],
    };
    return { graphs, devices: [...new Set(devices)] };
  },

  encode: (text: string): number[] => loaded!.tokenizer.encode(text, { special: true }),

  /** The whole prompt is computed at every turn, as in the demos. */
  async generate(ids: number[], maxTokens: number, onTokens: (tokens: number) => void): Promise<string> {
    const { context, config, tokenizer, length, prefill, decode, prefillLogits, decodeLogits } = loaded!;
    if (ids.length + maxTokens > length)
      throw new Error(`${ids.length} + ${maxTokens} tokens do not fit into ${length} positions.`);
    const padded = [...ids, ...new Array<number>(length - ids.length).fill(0)];
    await run(prefill, padded, 0, ids.length, prefillLogits);
    let id = argmax(new Float32Array(await context.readTensor(prefillLogits)), ids.length - 1, config.vocab);
    const reply = [id];
    onTokens(reply.length);
    while (reply.length < maxTokens && !tokenizer.ends.includes(id)) {
      await run(decode, [id], ids.length + reply.length - 1, ids.length + reply.length, decodeLogits);
      id = argmax(new Float32Array(await context.readTensor(decodeLogits)), 0, config.vocab);
      reply.push(id);
      onTokens(reply.length);
    }
    return tokenizer.decode(reply);
  },
};

export type PaddedApi = typeof api;
expose(api);
