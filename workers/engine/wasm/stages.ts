/**
 * A model larger than one WASM memory: consecutive stages, each in a worker and a memory of its own, hidden states handed from one to the next. The embedding is
 * in none of them; its rows are read from the store. One token a run: every stage has to see it before the next can be chosen.
 */
import { transfer } from 'comlink';
import { cutLayers, type LayerRange } from '../../shared/advisor/stages.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import { processorName } from '../../shared/processor-name.ts';
import { PhiError } from '../../shared/errors.ts';
import type { RopeSet } from '../graph/rope.ts';
import { stageWeights } from './stage-graph.ts';
import { residualRotation, stageForm, WASM_FORM_VERSION, type WasmForm } from './weights.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { EmbeddingRows } from '../weights/embedding-rows.ts';
import type { OpenWeightCache, PrepareProgress } from '../runtime/ort.ts';
import type { StageFacts, StageHost } from './stage-protocol.ts';
import { StageThread } from './stage-thread.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts, KvAccess } from '../decoder.ts';

/** Tokens in one prefill run, as in decoder.ts. */
const CHUNK_TOKENS = 256;

export interface StagesOptions {
  stages: number;
  form: WasmForm;
  slots: number;
  threads: number;
  /** The checkpoint's files: every stage reads its own weights. */
  files: ModelFiles;
  weightCache?: OpenWeightCache;
  /** Tells whether this many bytes of made weights may be kept. */
  mayKeep?: (bytes: number) => Promise<boolean>;
  /** Bytes of all made weights, for that question. */
  weightBytes: number;
  signal?: AbortSignal;
}

/** Loads the stages side by side. If one fails, rejects with its error and ends all of them. */
export async function createWasmStages(
  checkpoint: Checkpoint,
  options: StagesOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { stages, form, slots, threads, files, weightCache, mayKeep, weightBytes, signal } = options;
  const { config } = checkpoint;
  if (stages > config.layers)
    throw new PhiError('bad-request', `${stages} stages were requested, but the model has ${config.layers} layers.`);
  signal?.throwIfAborted();
  const ranges = cutLayers(config, form, stages);
  const keep = weightCache !== undefined && mayKeep !== undefined && (await mayKeep(weightBytes));
  const groups = stageWeights(checkpoint, form, true).length + (stages - 1); // every stage has a last norm
  let done = 0;
  const host: StageHost = {
    async read(path, offset, length) {
      const bytes = await files.get(path)!.read(offset, length);
      return transfer(bytes, [bytes.buffer]);
    },
    openForm: async (group) => (await weightCache?.(stageForm(form, group), WASM_FORM_VERSION).open()) ?? null,
    keepForm: async (group, blob) => weightCache?.(stageForm(form, group), WASM_FORM_VERSION).keep(blob),
    onGroup: () => onProgress?.(Math.min(++done, groups), groups),
  };
  const started = performance.now();
  const threadsOf = ranges.map(({ from, to }) => new StageThread(`layers ${from + 1} to ${to}`));
  const end = (error: PhiError) => threadsOf.forEach((thread) => thread.end(error));
  const abort = () => end(new PhiError('cancelled', 'Cancelled.'));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const paths = [...files].map(([path, { size }]) => ({ path, bytes: size }));
    const loaded = await Promise.all(
      ranges.map((layers, i) =>
        threadsOf[i]!.load({ files: paths, form, layers, last: i === stages - 1, slots, threads, keep }, host),
      ),
    );
    const prepareMs = Math.max(...loaded.map((facts) => facts.prepareMs));
    const singleTokens = slowest(loaded);
    const facts: DecoderFacts = {
      backend: 'wasm',
      requestedDevice: null,
      device: processorName(threads, stages),
      form,
      graphs: stages,
      nodesOnWasm: 0,
      threads,
      ...(singleTokens !== undefined && { singleTokens }),
      bytesHeld: loaded.reduce((sum, facts) => sum + facts.weightBytes, 0),
      prepareMs,
      compileMs: performance.now() - started - prepareMs,
    };
    return new StagedDecoder(checkpoint, threadsOf, ranges, slots, form, facts);
  } catch (error) {
    end(new PhiError('backend', 'Another stage could not be loaded.'));
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** How single tokens are decoded where that is slowest. */
function slowest(stages: readonly StageFacts[]): StageFacts['singleTokens'] {
  const all = stages.map(({ singleTokens }) => singleTokens);
  const numbers = all.filter((one) => typeof one === 'number');
  return numbers.length === all.length ? Math.min(...numbers) : all.find((one) => typeof one === 'object');
}

class StagedDecoder implements Decoder {
  readonly facts: DecoderFacts;
  readonly slots: number;
  readonly chunkTokens = CHUNK_TOKENS;
  readonly maxSteps = 1;
  readonly kv: KvAccess;
  readonly #stages: StageThread[];
  readonly #embedding: EmbeddingRows;

  constructor(
    { embedding, config }: Checkpoint,
    stages: StageThread[],
    ranges: readonly LayerRange[],
    slots: number,
    form: WasmForm,
    facts: DecoderFacts,
  ) {
    this.#stages = stages;
    this.#embedding = new EmbeddingRows(embedding, form === 'int8' ? residualRotation(config) : null);
    this.slots = slots;
    this.facts = facts;
    const at = (layer: number) => {
      const i = ranges.findIndex(({ to }) => layer < to);
      return { stage: stages[i]!, own: layer - ranges[i]!.from };
    };
    this.kv = {
      read: (layer, from, to) => {
        const { stage, own } = at(layer);
        return stage.readRows(own, from, to);
      },
      fill: async (count, rows) => {
        for (let layer = 0; layer < config.layers; layer++) {
          const { stage, own } = at(layer);
          await stage.fillRows(own, count, await rows(layer));
        }
      },
    };
  }

  async chunk({ ids, past, rope, choice, rows, targets, logits }: ChunkRequest): Promise<ChunkResult> {
    const head = {
      choice,
      headRows: rows === 'all' ? ids.map((_, i) => i) : [ids.length - 1],
      targets: targets ? [...targets] : null,
      logits: logits ?? false,
    };
    const none = { choice: null, headRows: [], targets: null, logits: false };
    let hidden: Float32Array = await this.#embedding.read(ids, ids.length);
    for (const [i, stage] of this.#stages.entries()) {
      const result = await stage.run({
        hidden,
        tokens: ids.length,
        past,
        rope,
        ...(i === this.#stages.length - 1 ? head : none),
      });
      if (result.chunk) return result.chunk;
      hidden = result.hidden!;
    }
    throw new PhiError('internal', 'The last stage returned hidden states instead of logits.');
  }

  async decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    const { chosen } = await this.chunk({
      ids: [id],
      past,
      rope,
      choice: { ...choice, randoms: choice.randoms.subarray(0, 1) },
      rows: 'last',
    });
    return chosen;
  }

  dispose(): Promise<void> {
    for (const stage of this.#stages) stage.end(new PhiError('no-model', 'The model was unloaded.'));
    return Promise.resolve();
  }
}
