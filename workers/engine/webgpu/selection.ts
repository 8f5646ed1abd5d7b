/** Compute passes of our own behind a run, on ONNX Runtime's device and queue: choosing a token, and scoring rows of logits. */
import type { Sampling } from '../../shared/protocol.ts';
import type { Choice } from '../decoder.ts';
import { STORAGE } from './device.ts';
import scoreCode from './score.wgsl?raw';
import selectCode from './select.wgsl?raw';

/** Candidates at most, as in select.wgsl; top-k off means this many, as on the other backends. */
const MOST_CANDIDATES = 1024;
const PARAM_BYTES = 48; // 11 of 12 words
/** One counter and 2,048 bins. */
const WORK_BYTES = 4 * (1 + 2048);
/** In place of an id: the best logit is NaN or infinite. */
export const NOT_FINITE = -1;
const LOGITS_PER_GROUP = 4096;
/** Bytes of `argmax` and `logprob` of a row. */
const ROW_BYTES = 8;

const UNIFORM = 0x40 | 0x08;
const READ_BACK = 0x01 | 0x08; // MAP_READ | COPY_DST

export interface SelectBuffers {
  /** float32, at least `[offset / vocab + 1, vocab]` */
  logits: GPUBuffer;
  /** int32: the chosen id goes to its first element. */
  next: GPUBuffer;
}

/** Owns its buffers; `destroy` frees them. */
export class Selector {
  readonly #device: GPUDevice;
  readonly #vocab: number;
  readonly #steps: number;
  readonly #select: GPUComputePipeline[];
  readonly #score: GPUComputePipeline;
  readonly #layout: GPUBindGroupLayout;
  readonly #params: GPUBuffer;
  readonly #seen: GPUBuffer;
  readonly #work: GPUBuffer;
  readonly #candidates: GPUBuffer;
  readonly #history: GPUBuffer;
  /** `[steps, ceil(vocab / 32)]` */
  readonly #mask: GPUBuffer;
  #masked = false;
  readonly #readBack: GPUBuffer;

  /** `steps`: most tokens chosen before they are read back. */
  static async create(device: GPUDevice, vocab: number, steps: number): Promise<Selector> {
    const layout = device.createBindGroupLayout({
      entries: (
        [
          'read-only-storage',
          'uniform',
          'storage',
          'storage',
          'storage',
          'storage',
          'storage',
          'read-only-storage',
        ] as const
      ).map((type, binding) => ({
        binding,
        visibility: 0x4, // COMPUTE
        buffer: { type },
      })),
    });
    const module = device.createShaderModule({ code: selectCode });
    const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
    const select = await Promise.all(
      ['count', 'collect', 'choose'].map((entryPoint) =>
        device.createComputePipelineAsync({ layout: pipelineLayout, compute: { module, entryPoint } }),
      ),
    );
    const score = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: scoreCode }), entryPoint: 'score' },
    });
    return new Selector(device, vocab, steps, layout, select, score);
  }

  private constructor(
    device: GPUDevice,
    vocab: number,
    steps: number,
    layout: GPUBindGroupLayout,
    select: GPUComputePipeline[],
    score: GPUComputePipeline,
  ) {
    this.#device = device;
    this.#vocab = vocab;
    this.#steps = steps;
    this.#layout = layout;
    this.#select = select;
    this.#score = score;
    const buffer = (size: number, usage = STORAGE) => device.createBuffer({ size, usage });
    this.#params = buffer(PARAM_BYTES, UNIFORM);
    this.#seen = buffer(4 * vocab);
    this.#work = buffer(WORK_BYTES); // zero, and the last pass leaves it so
    this.#candidates = buffer(4 * vocab);
    this.#history = buffer(4 * steps);
    this.#mask = buffer(4 * steps * Math.ceil(vocab / 32));
    this.#readBack = buffer(4 * steps, READ_BACK);
  }

  get bytes(): number {
    return 8 * this.#vocab + WORK_BYTES + 8 * this.#steps + this.#mask.size;
  }

  /** Uploads the inputs of the next choices: `seen` only if a penalty needs it, and the mask if there is one. */
  begin({ sampling, seen, mask }: Choice): void {
    if (sampling.repetitionPenalty !== 1) this.#device.queue.writeBuffer(this.#seen, 0, Uint32Array.from(seen));
    this.#masked = mask !== undefined;
    if (mask) this.#device.queue.writeBuffer(this.#mask, 0, new Uint32Array(mask));
  }

  /** Queues the choice of a token of the row that starts at element `offset`, as number `step` since the last `read`. */
  choose({ logits, next }: SelectBuffers, offset: number, step: number, sampling: Sampling, random: number): void {
    const { queue } = this.#device;
    queue.writeBuffer(this.#params, 0, this.#paramBytes(offset, step, sampling, random));
    const group = this.#device.createBindGroup({
      layout: this.#layout,
      entries: [logits, this.#params, this.#seen, this.#work, this.#candidates, next, this.#history, this.#mask].map(
        (buffer, binding) => ({
          binding,
          resource: { buffer },
        }),
      ),
    });
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, group);
    const wide = Math.ceil(this.#vocab / LOGITS_PER_GROUP);
    this.#select.forEach((pipeline, i) => {
      pass.setPipeline(pipeline);
      pass.dispatchWorkgroups(i < 2 ? wide : 1);
    });
    pass.end();
    queue.submit([encoder.finish()]);
  }

  #paramBytes(offset: number, step: number, sampling: Sampling, random: number): ArrayBuffer {
    const { temperature, topK, topP, minP, repetitionPenalty } = sampling;
    const greedy = temperature <= 0;
    const k = greedy ? 1 : Math.min(this.#vocab, MOST_CANDIDATES, topK > 0 ? topK : MOST_CANDIDATES);
    const params = new ArrayBuffer(PARAM_BYTES);
    new Uint32Array(params, 0, 4).set([this.#vocab, offset, k, step]);
    new Float32Array(params, 16, 5).set(
      greedy ? [1, 1, 0, repetitionPenalty, 0] : [1 / temperature, topP, minP, repetitionPenalty, random],
    );
    new Uint32Array(params, 36, 2).set([Number(this.#masked), step * Math.ceil(this.#vocab / 32)]);
    return params;
  }

  /** The first `count` chosen ids, NOT_FINITE where there was nothing to choose from: 4 bytes each cross to the page. */
  async read(count: number): Promise<Int32Array> {
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#history, 0, this.#readBack, 0, 4 * count);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readBack.mapAsync(1, 0, 4 * count);
    const ids = new Int32Array(this.#readBack.getMappedRange(0, 4 * count).slice(0));
    this.#readBack.unmap();
    return ids;
  }

  /** Best token and the target's log-probability of each row of `logits [rows, vocab]`. */
  async score(logits: GPUBuffer, targets: readonly number[]): Promise<{ argmax: Int32Array; logprobs: Float32Array }> {
    const rows = targets.length;
    const device = this.#device;
    const targetBuffer = device.createBuffer({ size: 4 * rows, usage: STORAGE });
    const out = device.createBuffer({ size: ROW_BYTES * rows, usage: STORAGE });
    const params = device.createBuffer({ size: 16, usage: UNIFORM });
    try {
      device.queue.writeBuffer(targetBuffer, 0, Uint32Array.from(targets));
      device.queue.writeBuffer(params, 0, Uint32Array.of(this.#vocab));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(this.#score);
      const entries = [logits, params, targetBuffer, out].map((buffer, binding) => ({ binding, resource: { buffer } }));
      pass.setBindGroup(0, device.createBindGroup({ layout: this.#score.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(rows);
      pass.end();
      device.queue.submit([encoder.finish()]);
      const bytes = await readBuffer(device, out, ROW_BYTES * rows);
      const ids = new Int32Array(bytes);
      const floats = new Float32Array(bytes);
      return { argmax: ids.filter((_, i) => i % 2 === 0), logprobs: floats.filter((_, i) => i % 2 === 1) };
    } finally {
      for (const buffer of [targetBuffer, out, params]) buffer.destroy();
    }
  }

  destroy(): void {
    for (const buffer of [
      this.#params,
      this.#seen,
      this.#work,
      this.#candidates,
      this.#history,
      this.#mask,
      this.#readBack,
    ])
      buffer.destroy();
  }
}

/** The first `bytes` of a buffer. */
export const readBuffer = (device: GPUDevice, source: GPUBuffer, bytes: number): Promise<ArrayBuffer> =>
  readBuffers(device, [{ source, offset: 0, bytes }]);

/** Stretches of buffers, one behind the other. Offsets and lengths are multiples of 4 bytes. */
export async function readBuffers(
  device: GPUDevice,
  stretches: readonly { source: GPUBuffer; offset: number; bytes: number }[],
): Promise<ArrayBuffer> {
  const staging = device.createBuffer({ size: stretches.reduce((sum, { bytes }) => sum + bytes, 0), usage: READ_BACK });
  try {
    const encoder = device.createCommandEncoder();
    let at = 0;
    for (const { source, offset, bytes } of stretches) {
      encoder.copyBufferToBuffer(source, offset, staging, at, bytes);
      at += bytes;
    }
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    return staging.getMappedRange().slice(0);
  } finally {
    staging.destroy();
  }
}
