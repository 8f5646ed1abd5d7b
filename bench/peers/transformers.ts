/** transformers.js: the same weights as int4 ONNX (see bench/onnx), in its own worker, kept by its own cache. */
import { proxy, wrap } from 'comlink';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from './peer.ts';
import type { TransformersApi, TransformersSetup } from './transformers-api.ts';

export class TransformersPeer implements Peer {
  readonly #worker = new Worker(new URL('./transformers.worker.ts', import.meta.url), { type: 'module' });
  readonly #api = wrap<TransformersApi>(this.#worker);
  readonly #setup: TransformersSetup;

  constructor({ backend, threads, settings }: PeerOptions) {
    if (backend === 'webnn') throw new Error('transformers.js is compared on WASM and WebGPU.');
    this.#setup = {
      models: new URL('.', location.href).href,
      device: backend,
      threads,
      modelFile: backend === 'webgpu' ? 'model_webgpu' : 'model',
      dtype: 'q4',
      ...settings,
    };
  }

  describe(): string {
    const { device, threads, modelFile, dtype } = this.#setup;
    return `${device}, ${device === 'wasm' ? `${threads} threads, ` : ''}${modelFile}_${dtype}.onnx: MatMulNBits block 32, head 8 bits, GroupQueryAttention, in a worker`;
  }

  /** Loading fills its cache. */
  install(): Promise<void> {
    return this.load();
  }

  async load(): Promise<void> {
    await this.#api.load(this.#setup);
  }

  async reply(prompt: Prompt, maxTokens: number, reuse: boolean): Promise<Reply> {
    const ids = prompt.ids.length > 0 ? prompt.ids : await this.#api.encode(prompt.text);
    const watch = new Stopwatch();
    const text = await this.#api.generate(
      ids,
      maxTokens,
      reuse,
      proxy((tokens: number) => {
        watch.arrived(tokens);
        return watch.overtime;
      }),
    );
    return watch.reply(text, ids.length);
  }

  close(): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}
