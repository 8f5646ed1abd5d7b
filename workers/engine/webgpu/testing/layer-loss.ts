/** What float16 costs at each step of each layer: the same tokens through two sessions, with every step's output read back. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { ModelFiles } from '../../../store/bytes.ts';
import { openCheckpoint } from '../../checkpoint/open.ts';
import type { Checkpoint } from '../../checkpoint/types.ts';
import type { Dialect } from '../../graph/decoder-network.ts';
import { ropeSetFor, ropeTable } from '../../graph/rope.ts';
import { externalData, loadOrt, makeSession, weightFiles, type Ort } from '../../runtime/ort.ts';
import { createTokenizer } from '../../tokenizer/tokenizer.ts';
import { floatWidth, halfToFloat, toFloatType, type FloatType } from '../../weights/half.ts';
import { createBuffer, openGpu, type Gpu } from '../device.ts';
import { webgpuGraph } from '../graph.ts';
import { sessionOptions } from '../session.ts';
import { webgpuPlan, type WebgpuForm } from '../weights.ts';

/** Every output stays in memory for one chunk: 150 MB for the starter. */
const CHUNK_TOKENS = 250;

/** Steps in the order of a layer. `sum` is the residual stream after attention, `next` after the MLP. */
export const STEPS = ['qkv', 'attention', 'output', 'sum', 'activated', 'down', 'next', 'normed'] as const;
export type Step = (typeof STEPS)[number];

export interface StepLoss {
  layer: number;
  step: Step;
  /** Length of the difference over length of the float32 row: mean over the tokens, and the worst token's. */
  mean: number;
  worst: number;
  /** Largest absolute value in float32. */
  peak: number;
}

export interface LayerLosses {
  steps: StepLoss[];
  /** Largest difference of the logits after each chunk's last token, and the largest logit. */
  logits: number;
  peakLogit: number;
}

export interface LossRequest {
  form: WebgpuForm;
  /** The prompt: the first `tokens` of a text, or ids. */
  text?: string;
  ids?: readonly number[];
  tokens: number;
}

interface Tap {
  layer: number;
  step: Step;
  /** The value's name in the graph. */
  name: string;
}

/** Runs the prompt in both widths. */
export async function layerLosses(files: ModelFiles, request: LossRequest): Promise<LayerLosses> {
  const checkpoint = await openCheckpoint(files);
  const { text, tokens } = request;
  const all = request.ids ?? createTokenizer(checkpoint.tokenizer).encode(text!, { special: false });
  const ids = all.slice(0, tokens);
  if (ids.length < tokens) throw new RangeError(`The prompt has ${ids.length} tokens, not ${tokens}.`);
  const ort = await loadOrt('jspi', 1);
  const wide = await Probe.open(ort, checkpoint, request.form, 'float32', tokens);
  const narrow = await Probe.open(ort, checkpoint, request.form, 'float16', tokens);
  const losses = wide.taps.map((tap) => new Loss(tap));
  let logits = 0;
  let peakLogit = 0;
  for (let past = 0; past < tokens; past += CHUNK_TOKENS) {
    const chunk = ids.slice(past, past + CHUNK_TOKENS);
    const right = await wide.run(chunk, past);
    const rounded = await narrow.run(chunk, past);
    losses.forEach((loss, i) => loss.add(right.outputs[i]!, rounded.outputs[i]!, chunk.length));
    right.logits.forEach((value, i) => {
      logits = Math.max(logits, Math.abs(value - rounded.logits[i]!));
      peakLogit = Math.max(peakLogit, Math.abs(value));
    });
  }
  await wide.close();
  await narrow.close();
  return { steps: losses.map((loss) => loss.result()), logits, peakLogit };
}

class Loss {
  readonly #tap: Tap;
  #sum = 0;
  #tokens = 0;
  #worst = 0;
  #peak = 0;

  constructor(tap: Tap) {
    this.#tap = tap;
  }

  /** `[tokens, width]` each */
  add(right: Float32Array, rounded: Float32Array, tokens: number): void {
    const width = right.length / tokens;
    for (let token = 0; token < tokens; token++) {
      let difference = 0;
      let length = 0;
      for (let i = token * width; i < (token + 1) * width; i++) {
        difference += (rounded[i]! - right[i]!) ** 2;
        length += right[i]! ** 2;
        this.#peak = Math.max(this.#peak, Math.abs(right[i]!));
      }
      const loss = Math.sqrt(difference / length);
      this.#sum += loss;
      if (!(loss <= this.#worst)) this.#worst = loss; // NaN too
    }
    this.#tokens += tokens;
  }

  result(): StepLoss {
    const { layer, step } = this.#tap;
    return { layer, step, mean: this.#sum / this.#tokens, worst: this.#worst, peak: this.#peak };
  }
}

/** The engine's graph in one width, whose steps are outputs too. */
class Probe {
  readonly taps: readonly Tap[];
  readonly #ort: Ort;
  readonly #gpu: Gpu;
  readonly #session: InferenceSession;
  readonly #feeds: Record<string, Tensor>;
  readonly #cache: Record<string, Tensor>;
  readonly #vocab: number;

  static async open(
    ort: Ort,
    checkpoint: Checkpoint,
    form: WebgpuForm,
    dtype: FloatType,
    slots: number,
  ): Promise<Probe> {
    const gpu = await openGpu(undefined);
    const { config } = checkpoint;
    const wider = form === 'float16' && dtype === 'float32' ? 'float32' : form;
    const plan = webgpuPlan(checkpoint, { form: wider, dtype, bindingBytes: gpu.bindingBytes });
    const { files } = await weightFiles({ groups: plan.groups });
    const taps: Tap[] = [];
    const model = webgpuGraph(config, plan, slots, (dialect, g) =>
      tapped(dialect, (tap) => {
        taps.push(tap);
        g.output(tap.name, plan.dtype, null);
      }),
    );
    const options = sessionOptions(gpu.device, config, false, await externalData('jspi', plan.groups, files));
    const session = await makeSession(ort, model, options);
    const on = (dataType: FloatType, dims: number[], values?: Float32Array): Tensor => {
      const size = dims.reduce((a, b) => a * b, floatWidth(dataType));
      const buffer = createBuffer(gpu.device, size);
      if (values) gpu.device.queue.writeBuffer(buffer, 0, toFloatType(values, dataType));
      return ort.Tensor.fromGpuBuffer(buffer, { dataType, dims });
    };
    const { layers, kvHeads, headDim, rotaryDim } = config;
    const rope = ropeTable(config, ropeSetFor(config, slots), 0, slots);
    const feeds: Record<string, Tensor> = {
      cos: on(dtype, [slots, rotaryDim / 2], rope.cos),
      sin: on(dtype, [slots, rotaryDim / 2], rope.sin),
    };
    const cache: Record<string, Tensor> = {};
    for (let l = 0; l < layers; l++)
      for (const part of ['key', 'value'])
        feeds[`past_${part}.${l}`] = cache[`present_${part}.${l}`] = on(dtype, [1, kvHeads, slots, headDim]);
    return new Probe(ort, gpu, session, taps, { feeds, cache, vocab: config.vocab });
  }

  private constructor(
    ort: Ort,
    gpu: Gpu,
    session: InferenceSession,
    taps: readonly Tap[],
    { feeds, cache, vocab }: { feeds: Record<string, Tensor>; cache: Record<string, Tensor>; vocab: number },
  ) {
    this.#ort = ort;
    this.#gpu = gpu;
    this.#session = session;
    this.taps = taps;
    this.#feeds = feeds;
    this.#cache = cache;
    this.#vocab = vocab;
  }

  /** Outputs in the order of the taps, and the logits of the last token. */
  async run(ids: readonly number[], past: number): Promise<{ outputs: Float32Array[]; logits: Float32Array }> {
    const total = past + ids.length;
    const ints = (values: number[], dims: number[]) => new this.#ort.Tensor('int32', Int32Array.from(values), dims);
    const feeds = {
      ...this.#feeds,
      ids: ints([...ids], [ids.length]),
      head_rows: ints([ids.length - 1], [1]),
      seqlens_k: ints([total - 1], [1]),
      total: ints([total], []),
    };
    const wanted = Object.fromEntries(this.taps.map(({ name }) => [name, null]));
    const made = await this.#session.run(feeds, { ...this.#cache, ...wanted, logits: null });
    const outputs: Float32Array[] = [];
    for (const { name } of this.taps) outputs.push(await floats(made[name]!));
    const logits = await floats(made['logits']!);
    return { outputs, logits: logits.subarray(logits.length - this.#vocab) };
  }

  async close(): Promise<void> {
    await this.#session.release();
    this.#gpu.device.destroy();
  }
}

async function floats(tensor: Tensor): Promise<Float32Array> {
  const data = await tensor.getData(true);
  if (data instanceof Float32Array) return data;
  if (data instanceof Uint16Array) return halfToFloat(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return Float32Array.from(data as Iterable<number>); // Float16Array, where the platform has it
}

/** `dialect`, telling of each step's output. Layers come one after the other, each with its attention. */
function tapped(dialect: Dialect, tell: (tap: Tap) => void): Dialect {
  let layer = 0;
  const tap = (step: Step, name: string): string => {
    tell({ layer, step, name });
    return name;
  };
  return {
    ...dialect,
    linear(g, x, weight) {
      const y = dialect.linear(g, x, weight);
      const step = STEPS.find((one) => weight.endsWith(`.${one}`));
      if (weight.endsWith('.qkv')) layer = Number(/\d+/.exec(weight)![0]);
      return step ? tap(step, y) : y;
    },
    attention: (g, l, qkv) => tap('attention', dialect.attention(g, l, qkv)),
    activate: (g, gateUp) => tap('activated', dialect.activate(g, gateUp)),
    mlp(g, l, x, y) {
      const both = dialect.mlp?.(g, l, x, y) ?? null;
      if (!both) return null;
      tap('sum', both.sum);
      tap('activated', both.activated);
      return both;
    },
    addNorm(g, x, y, weight) {
      const both = dialect.addNorm(g, x, y, weight);
      tap(weight.endsWith('mlpNorm') ? 'sum' : 'next', both.sum);
      if (!weight.endsWith('mlpNorm')) tap('normed', both.normed);
      return both;
    },
  };
}
