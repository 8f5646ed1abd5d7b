/** transformers.js in this very thread. */
import { transformersApi, type TransformersSetup } from '../peers/transformers-api.ts';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from '../peers/peer.ts';

export class TransformersOnDawn implements Peer {
  readonly #setup: TransformersSetup;

  constructor(url: string, { threads, settings }: PeerOptions) {
    this.#setup = { models: url, device: 'webgpu', threads, modelFile: 'model_webgpu', dtype: 'q4', ...settings };
  }

  describe(): string {
    const { modelFile, dtype } = this.#setup;
    const float = dtype === 'q4f16' ? 'float16' : 'float32';
    return `${modelFile}_${dtype}.onnx: MatMulNBits block 32, head 8 bits, GroupQueryAttention, activations in ${float}`;
  }

  install(): Promise<void> {
    return Promise.resolve(); // without a browser it keeps nothing
  }

  load(): Promise<void> {
    return transformersApi.load(this.#setup);
  }

  async reply(prompt: Prompt, maxTokens: number, reuse: boolean): Promise<Reply> {
    const ids = prompt.ids.length > 0 ? prompt.ids : transformersApi.encode(prompt.text);
    const watch = new Stopwatch();
    const text = await transformersApi.generate(ids, maxTokens, reuse, (tokens) => {
      watch.arrived(tokens);
      return watch.overtime;
    });
    return watch.reply(text, ids.length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
